/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Cleans a device between two users: after its driver was unbound, and before another one may have
 * it.
 *
 * If an owner has had it, it is reset. Then it has to answer, be awake, and start no requests by
 * itself. Settings that a lease and VFIO change besides drivers (power management, reset methods)
 * are noted before and restored after.
 */

#include "core/model/snapshot.h"
#include "daemon/host/host.h"
#include "daemon/lease/record.h"

typedef struct Cleaning {
        const Snapshot *snapshot; /* of now; NULL: no owner has had the devices, so no reset */
        bool *unfit;              /* per device of the record: must get no driver */
        char *report;             /* on the resets, one line each (daemon/host/reset.h), or NULL */
} Cleaning;

/* Frees the content of a cleaning, but not the snapshot. */
void lease_clean_clear(Cleaning *cleaning);

/* Note these settings of the taken devices, or of one to be taken; do not block. */
void lease_clean_note(const HostPaths *host, LeaseRecord *record);
void lease_clean_note_device(const HostPaths *host, LeaseDevice *device);

/*
 * Cleans all taken devices that have no driver. Fills `unfit`; goes on after a failure. Returns 0,
 * the first Refusal with *ret_message, or -errno.
 */
_nodiscard_ int lease_clean(const HostPaths *host, const LeaseRecord *record, Cleaning *cleaning,
                            char **ret_message);

/* Restores the noted settings of one device, once it has its driver again. Same returns. */
_nodiscard_ int lease_clean_settle(const HostPaths *host, const LeaseDevice *device,
                                   char **ret_message);
