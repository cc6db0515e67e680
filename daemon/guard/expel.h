/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A joiner taken off the machine, and its bus looked over again so that it comes back.
 *
 * The kernel forgets the device (`remove` in sysfs); the card stays where it is. Its undo is a
 * rescan of the bus that it was on, which brings in whatever is there by then. May block: for
 * workers.
 */

#include "core/model/snapshot.h"
#include "daemon/host/host.h"

#define EXPEL_PLACE_SIZE BDF_TEXT_SIZE

/* The bus that a device is on: the bridge above it, or "0000:00", a root bus. Returns `place`. */
const char *expel_place(const PciDevice *device, char place[static EXPEL_PLACE_SIZE]);

/* Takes a device off the machine; 0 if it is gone already. Returns a Refusal with *ret_message or
 * -errno otherwise. */
_nodiscard_ int expel_device(const HostPaths *host, Bdf bdf, char **ret_message);

/* Has the kernel look over the bus `place`; 0 if there is no such bus any more. Same returns. */
_nodiscard_ int expel_undo(const HostPaths *host, const char *place, char **ret_message);
