/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Resets functions by sysfs, as a plan says (core/model/reset.h).
 *
 * May block as long as a device takes: for workers.
 */

#include "core/model/reset.h"
#include "daemon/host/host.h"

#define RESET_TEXT_SIZE 64 /* of reset_method */

/* Reads reset_method; "" if there is none (a kernel before 5.15, or no method). */
void reset_read_methods(const HostPaths *host, Bdf bdf, char text[static RESET_TEXT_SIZE]);

/* Makes reset_method what it was, if it is not. Returns 0, a Refusal with *ret_message or -errno.
 */
_nodiscard_ int reset_write_methods(const HostPaths *host, Bdf bdf, const char *text,
                                    char **ret_message);

/*
 * Resets each device of `devices` (indices; all of them `mine`) by the first method that works and
 * affects no other device; a bus once for all devices on it. Each gets a line in *ret_report (freed
 * by the caller): "0000:01:00.0 flr", "0000:01:00.0 bus below 0000:00:02.0", or "0000:00:05.0 not
 * reset: WHY". A device that cannot be reset is no failure. Returns 0 or -ENOMEM.
 */
_nodiscard_ int reset_devices(const HostPaths *host, const Snapshot *snapshot,
                              const size_t *devices, size_t n_devices, const bool *mine,
                              char **ret_report);
