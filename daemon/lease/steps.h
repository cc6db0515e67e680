/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The two transactions on the host: taking a lease's groups, and putting everything back.
 *
 * Both run in a worker, from the record alone. Restoring is the only undo there is: a failed take
 * calls it, a release calls it, a daemon that finds a half-done record calls it. It compares before it
 * writes, so that it may run at any point and twice.
 */

#include "daemon/host/host.h"
#include "daemon/host/vfio.h"
#include "daemon/lease/record.h"

/* The driver that stands in for the owner. */
#define LEASE_DRIVER "vfio-pci"

/*
 * Exchanges the drivers of all taken members and claims the groups. Returns 0 with the fds, or a
 * Refusal or -errno with the host as it was (*ret_message says why; if putting back failed too, the
 * refusal is REFUSAL_QUARANTINED).
 */
_nodiscard_ int lease_steps_take(const HostPaths *host, const LeaseRecord *record, VfioFds *ret_fds,
                                 char **ret_message);

/*
 * Puts every device of the record back: override and driver as before; joiners get the driver the
 * host has for them. Goes on after a failure; returns 0, or the first Refusal with *ret_message, or
 * -errno. Devices that are gone are skipped.
 */
_nodiscard_ int lease_steps_restore(const HostPaths *host, const LeaseRecord *record,
                                    char **ret_message);
