/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The driver of a device: reads it, and changes it by writes to sysfs, each read back.
 *
 * These may block as long as the remove or probe function of a driver does: for workers. A write to
 * `drivers_probe` succeeds even if nothing was bound (kernel-facts 3.3), so only the `driver` link
 * that is read after it counts.
 */

#include "daemon/host/host.h"

/* The text that the kernel shows for an override that is not set, besides the empty one. */
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

/* Unbinds the driver of the device; 0 if there is none. Same returns. */
_nodiscard_ int driver_unbind(const HostPaths *host, Bdf bdf, char **ret_message);

/*
 * Binds `driver`: first makes the kernel match one (which obeys driver_override), then uses the
 * bind file of the driver. Same returns.
 */
_nodiscard_ int driver_bind(const HostPaths *host, Bdf bdf, const char *driver, char **ret_message);

/* Makes the kernel match a driver, if it has one for the device. Same returns. */
_nodiscard_ int driver_probe_any(const HostPaths *host, Bdf bdf, char **ret_message);

/*
 * Waits until udev has handled the events so far, by running udevadm(8); a few seconds at most.
 * Does not wait if there is no udev.
 */
void driver_await_udev(void);

/* Whether a PCI driver of that name is registered. */
bool driver_exists(const HostPaths *host, const char *driver);

/*
 * Loads a module by running modprobe(8) to its end. Returns 0, REFUSAL_UNSUPPORTED with *ret_message
 * if it cannot be loaded, or -errno.
 */
_nodiscard_ int driver_load_module(const char *module, char **ret_message);
