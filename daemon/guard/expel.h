/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Removes a joiner from the kernel, and rescans its bus so that it comes back.
 *
 * The kernel forgets the device (`remove` in sysfs); the card stays in its slot. The undo is a
 * rescan of the bus that the device was on, which finds whatever is there by then. May block: for
 * workers.
 */

#include "core/model/snapshot.h"
#include "daemon/host/host.h"

#define EXPEL_PLACE_SIZE BDF_TEXT_SIZE

/* The bus that a device is on: the bridge above it, or "0000:00", a root bus. Returns `place`. */
const char *expel_place(const PciDevice *device, char place[static EXPEL_PLACE_SIZE]);

/*
 * Removes a device; 0 if it is gone already. Returns a Refusal with *ret_message or -errno
 * otherwise.
 */
_nodiscard_ int expel_device(const HostPaths *host, Bdf bdf, char **ret_message);

/* Rescans the bus `place`; 0 if there is no such bus any more. Same returns. */
_nodiscard_ int expel_undo(const HostPaths *host, const char *place, char **ret_message);
