/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Between two hands: what is done to a device that nobody drives any more, before anybody may again.
 *
 * Reset, if somebody has had it; then it has to answer, be awake, and start no requests of its own.
 * And what a lease and VFIO change besides drivers (power management, reset methods) is noted before
 * and put back after.
 */

#include "core/model/snapshot.h"
#include "daemon/host/host.h"
#include "daemon/lease/record.h"

typedef struct Cleaning {
        const Snapshot *snapshot; /* as of now; NULL: nobody has had the devices, nothing is reset */
        bool *unfit;              /* per device of the record: not to be handed on */
        char *report;             /* of the resets, a line each (daemon/host/reset.h), or NULL */
} Cleaning;

/* Frees what a cleaning holds, but for the snapshot. */
void lease_clean_clear(Cleaning *cleaning);

/* Notes how the host has the taken devices, or one that is to be, in that respect; do not block. */
void lease_clean_note(const HostPaths *host, LeaseRecord *record);
void lease_clean_note_device(const HostPaths *host, LeaseDevice *device);

/*
 * Cleans all taken devices that have no driver. Fills `unfit`; goes on after a failure. Returns 0,
 * the first Refusal with *ret_message, or -errno.
 */
_nodiscard_ int lease_clean(const HostPaths *host, const LeaseRecord *record, Cleaning *cleaning,
                            char **ret_message);

/* Puts back what was noted for one device, once it has its driver again. Same returns. */
_nodiscard_ int lease_clean_settle(const HostPaths *host, const LeaseDevice *device,
                                   char **ret_message);
