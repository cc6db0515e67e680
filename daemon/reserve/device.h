/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Blocks one device with a driver_override that is the name of no driver, or lets it in again.
 * Reads back every step, and logs the result.
 */

#include "daemon/host/host.h"

typedef enum ReserveOutcome {
        RESERVE_IS_BLOCKED, /* no host driver has it or can get it */
        RESERVE_IS_LEFT,    /* it is gone, or somebody else keeps it from the host drivers */
        RESERVE_IS_BOUND,   /* a host driver has it */
} ReserveOutcome;

/*
 * Blocks a device that `rule` (its origin) reserves. A device with a driver is left alone; if it is
 * `arriving`, it is unbound, unless the host already depends on it. Returns 0 and *ret_outcome, or
 * -errno.
 */
_nodiscard_ int reserve_device_block(const HostPaths *host, Bdf bdf, const char *rule,
                                     bool arriving, ReserveOutcome *ret_outcome);

/* Whether the device has our override. False also if that cannot be read. */
bool reserve_device_is_ours(const HostPaths *host, Bdf bdf);

/*
 * Gives a device back to the host: clears our override, makes the kernel match a driver and udev
 * load one. *ret_done is false if a lease has the device: its record will restore our override.
 * Returns 0 or -errno.
 */
_nodiscard_ int reserve_device_let_in(const HostPaths *host, Bdf bdf, bool *ret_done);
