/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The host's console taken off a screen, and put back.
 *
 * A graphics card that shows the host's console has two kinds of users in the kernel itself: the
 * console driver, bound to framebuffers (/sys/class/vtconsole), and, where no driver of its own has
 * the card, the one that draws into what the firmware left (a platform device whose memory is one
 * of the card's BARs). Both let go when asked. Each is a change of the lease, on record before it
 * is made, undone in reverse. Where vfio-pci takes the firmware's framebuffer away for good (Linux
 * 6.0 and newer), there is nothing to put back but what a driver of the card's own brings.
 */

#include "daemon/host/host.h"
#include "daemon/lease/record.h"

/*
 * Puts on record what has to let go of the taken devices' screens. *ret_changed tells whether there
 * is anything. Returns 0 or -errno.
 */
_nodiscard_ int console_find(const HostPaths *host, LeaseRecord *record, bool *ret_changed);

/* Whether a change is one of these. */
bool console_is_change(const LeaseChange *change);

/* Make and undo one, compared before and read back. Return 0, a Refusal with *ret_message, or
 * -errno. */
_nodiscard_ int console_make(const HostPaths *host, const LeaseChange *change, char **ret_message);
_nodiscard_ int console_undo(const HostPaths *host, const LeaseChange *change, char **ret_message);
