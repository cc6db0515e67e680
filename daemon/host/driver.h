/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which driver drives a device: the writes to sysfs that change it, each read back.
 *
 * All of these may block for as long as a driver's remove or probe does: they run in a worker, never
 * in the event loop. `drivers_probe` reports success when nothing was bound (kernel-facts 3.3), so
 * only the `driver` link read afterwards counts.
 */

#include "daemon/host/host.h"

/* What the kernel shows for an override that is not set, besides the empty text. */
#define DRIVER_OVERRIDE_NONE "(null)"

/* Name of the bound driver, "" if none. Returns 0 and *ret (freed by the caller) or -errno
 * (-ENOENT: no such device). */
_nodiscard_ int driver_read(const HostPaths *host, Bdf bdf, char **ret_driver);

/* The driver_override, "" if none. Same returns. */
_nodiscard_ int driver_override_read(const HostPaths *host, Bdf bdf, char **ret_override);

/* Sets (or with "" clears) driver_override. Returns 0, a Refusal with *ret_message, or -errno
 * (-ENOENT: it went while it was written). */
_nodiscard_ int driver_override_write(const HostPaths *host, Bdf bdf, const char *override,
                                      char **ret_message);

/* Unbinds whatever drives the device; 0 if nothing does. Same returns. */
_nodiscard_ int driver_unbind(const HostPaths *host, Bdf bdf, char **ret_message);

/*
 * Binds `driver`, first by letting the kernel match (which honours driver_override), then by the
 * driver's own bind file. Same returns.
 */
_nodiscard_ int driver_bind(const HostPaths *host, Bdf bdf, const char *driver, char **ret_message);

/* Lets the kernel match a driver, if it has one for the device. Same returns. */
_nodiscard_ int driver_probe_any(const HostPaths *host, Bdf bdf, char **ret_message);

/*
 * Waits until udev is done with the events so far, by running udevadm(8); a few seconds at most.
 * Where there is no udev nothing is waited for.
 */
void driver_await_udev(void);

/* Whether a PCI driver of that name is registered. */
bool driver_exists(const HostPaths *host, const char *driver);

/*
 * Loads a module by running modprobe(8) to its end. Returns 0, REFUSAL_UNSUPPORTED with *ret_message
 * if it cannot be loaded, or -errno.
 */
_nodiscard_ int driver_load_module(const char *module, char **ret_message);
