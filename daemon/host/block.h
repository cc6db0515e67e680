/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Keeps host drivers off one device: a driver_override that names no driver.
 *
 * It holds without a daemon, until it is cleared or the device goes; it does not load or unbind
 * anything by itself (kernel-facts 3.3). May block: for workers.
 */

#include "daemon/host/host.h"

/*
 * No driver has this name. It differs from the override of a reservation, which lasts longer than
 * leases.
 */
#define BLOCK_OVERRIDE "isolationd-held"

/*
 * Blocks a device, and unbinds a host driver that has it: *ret_evicted is the name of that driver
 * (freed by the caller), even if unbinding failed, else NULL. An override that somebody else has
 * set stays, unless the device has one of the lease's `own` (or NULL), which is restored. Returns
 * 0, a Refusal with *ret_message, or -errno (-ENOENT: the device is gone).
 */
_nodiscard_ int block_device(const HostPaths *host, Bdf bdf, const char *own, char **ret_evicted,
                             char **ret_message);

/* Removes our override, if the present one is ours. Same returns. */
_nodiscard_ int block_undo(const HostPaths *host, Bdf bdf, char **ret_message);
