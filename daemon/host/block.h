/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One device out of the reach of host drivers: a driver_override that names no driver.
 *
 * It holds without a daemon, until it is cleared or the device goes; it does not load or unbind
 * anything by itself (kernel-facts 3.3). May block: for workers.
 */

#include "daemon/host/host.h"

/* No driver is called so, and neither is what a reservation writes, which outlives leases. */
#define BLOCK_OVERRIDE "isolationd-held"

/*
 * Blocks a device, and takes a host driver away that has it already: *ret_evicted is its name then
 * (freed by the caller), also if it did not go, else NULL. An override that somebody else has set
 * stays, unless the device has one of the lease's `own` (or NULL), which is put back. Returns 0, a
 * Refusal with *ret_message, or -errno (-ENOENT: it is gone).
 */
_nodiscard_ int block_device(const HostPaths *host, Bdf bdf, const char *own, char **ret_evicted,
                             char **ret_message);

/* Takes our block away, if it is ours that stands. Same returns. */
_nodiscard_ int block_undo(const HostPaths *host, Bdf bdf, char **ret_message);
