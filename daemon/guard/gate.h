/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The gate: while drivers_autoprobe of the PCI bus is 0, the kernel binds no driver by itself, to
 * new functions and to new drivers alike (kernel-facts 0.6; for new functions from 6.19 on).
 *
 * Whoever shuts it has to do for everybody else what the kernel does no more: let the functions in
 * that come, and give every new driver the functions that wait for it. May block: for workers, and
 * for the sentinel's usher.
 */

#include "daemon/guard/places.h"
#include "daemon/host/host.h"

/* Whether the kernel binds drivers by itself. Returns 0 and *ret_open, or -errno. Does not block. */
_nodiscard_ int gate_read(const HostPaths *host, bool *ret_open);

/* Opens or shuts it, read back. Returns 0, a Refusal with *ret_message, or -errno. */
_nodiscard_ int gate_write(const HostPaths *host, bool open, char **ret_message);

/*
 * Who writes it holds a lock, so that a sentinel whose daemon has gone cannot shut what the next daemon
 * has opened: it asks, under the lock, whether it is still wanted. Waits for the lock, and leaves it with
 * *ret_fd, which the caller closes; -1 where nobody else can be: there are no aides. Returns 0 or -errno.
 */
_nodiscard_ int gate_lock(const HostPaths *host, int *ret_fd);

/* Whether the kernel is as good as done with adding a function, and has not begun to remove it. */
bool gate_has_added(const HostPaths *host, Bdf bdf);

/*
 * Has the kernel match a driver to a function. One that has just been added may not be matched yet,
 * and nothing tells when it may: with `is_new` it is tried for about a second, as long as no driver
 * takes it. Returns 0 and *ret_driver, "" if none wants it (freed by the caller), or -errno
 * (-ENOENT: it is gone).
 */
_nodiscard_ int gate_let_in(const HostPaths *host, Bdf bdf, bool is_new, char **ret_driver);

/*
 * Gives a driver that has just been registered the functions without one that it matches, but for
 * those in the places `kept`. Returns 0 or -errno (-ENOENT: the driver is gone).
 */
_nodiscard_ int gate_admit(const HostPaths *host, const char *driver, const Places *kept);
