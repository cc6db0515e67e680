/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The gate: while drivers_autoprobe of the PCI bus is 0, the kernel binds no driver by itself, to
 * new functions and to new drivers alike (kernel-facts 0.6; for new functions from Linux 6.19 on).
 *
 * Whoever shuts the gate has to do that work for all other devices: let new functions in, and offer
 * every new driver the functions that wait for it. May block: for workers, and for the admitting
 * process of the guard process.
 */

#include "daemon/guard/places.h"
#include "daemon/host/host.h"

/* Whether the kernel binds drivers by itself. Returns 0 and *ret_open, or -errno. Does not block. */
_nodiscard_ int gate_read(const HostPaths *host, bool *ret_open);

/* Opens or shuts the gate and reads it back. Returns 0, a Refusal with *ret_message, or -errno. */
_nodiscard_ int gate_write(const HostPaths *host, bool open, char **ret_message);

/*
 * A process holds this lock while it writes the gate. A guard process whose daemon has gone checks
 * under the lock whether it is still wanted, so it cannot shut a gate that the next daemon has
 * opened. Waits for the lock. Returns 0 and *ret_fd, which the caller closes to unlock, or -errno.
 * *ret_fd is -1 if there are no helpers, as then no other process writes the gate.
 */
_nodiscard_ int gate_lock(const HostPaths *host, int *ret_fd);

/* Whether the kernel has almost finished adding a function, and has not begun to remove it. */
bool gate_has_added(const HostPaths *host, Bdf bdf);

/*
 * Makes the kernel match a driver to a function. A function that has just been added cannot be
 * matched yet, and no event tells when it can: with `is_new` this retries for about one second
 * until a driver binds. Returns 0 and *ret_driver, "" if no driver matches (freed by the caller),
 * or -errno (-ENOENT: the function is gone).
 */
_nodiscard_ int gate_let_in(const HostPaths *host, Bdf bdf, bool is_new, char **ret_driver);

/*
 * Offers a driver that has just been registered the functions without a driver that it matches,
 * except those in the places `kept`. Returns 0 or -errno (-ENOENT: the driver is gone).
 */
_nodiscard_ int gate_admit(const HostPaths *host, const char *driver, const TextList *kept);
