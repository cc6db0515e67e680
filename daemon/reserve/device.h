/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One device: blocked by a driver_override that no driver has for a name, or let in again. Every
 * step is read back, and what is found is logged.
 */

#include "daemon/host/host.h"

typedef enum ReserveOutcome {
        RESERVE_IS_BLOCKED, /* no host driver has it or can get it */
        RESERVE_IS_LEFT,    /* it is gone, or somebody else keeps it from the host's drivers */
        RESERVE_IS_BOUND,   /* a host driver has it */
} ReserveOutcome;

/*
 * Blocks a device that `rule` (its origin) reserves. One that a driver has is left alone; one that
 * is `arriving` is taken from it, unless the host lives on it by now. Returns 0 and *ret, or
 * -errno.
 */
_nodiscard_ int reserve_device_block(const HostPaths *host, Bdf bdf, const char *rule,
                                     bool arriving, ReserveOutcome *ret_outcome);

/* Does the device carry our override? False also if that cannot be read. */
bool reserve_device_is_ours(const HostPaths *host, Bdf bdf);

/*
 * Lets the host have a device again: clears an override of ours, lets the kernel match a driver and
 * udev load one. *ret_done is false if a lease has the device: it keeps our override to put it
 * back. Returns 0 or -errno.
 */
_nodiscard_ int reserve_device_let_in(const HostPaths *host, Bdf bdf, bool *ret_done);
