/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Takes the host's console off a screen, and puts it back.
 *
 * A graphics card that shows the host's console has two kinds of users in the kernel itself: the
 * console driver, bound to framebuffers (/sys/class/vtconsole), and, if the card has no driver of
 * its own, the driver that draws into the firmware's framebuffer (a platform device whose memory is
 * one of the card's BARs). Both can be unbound. Each unbinding is a change of the lease, on record
 * before it is made, and undone in reverse order. Where vfio-pci removes the firmware's framebuffer
 * for good (Linux 6.0 and newer), only a driver of the card itself brings a console back.
 */

#include "daemon/host/host.h"
#include "daemon/lease/record.h"

/*
 * Puts on record what has to be unbound from the taken devices' screens. *ret_changed tells whether
 * there is anything. Returns 0 or -errno.
 */
_nodiscard_ int console_find(const HostPaths *host, LeaseRecord *record, bool *ret_changed);

/* Whether a change is one of these. */
bool console_is_change(const LeaseChange *change);

/*
 * Makes one change (the console is not bound any more), or undoes it. Compares the state before it
 * writes, and reads it back. Returns 0, a Refusal with *ret_message, or -errno.
 */
_nodiscard_ int console_switch(const HostPaths *host, const LeaseChange *change, bool bound,
                               char **ret_message);
