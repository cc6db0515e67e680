/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where functions that would join a leased group appear, as paths below /sys with `?` for what may
 * differ: "/devices/pci0000:00/0000:??:02.1/0000:??:??.?".
 *
 * Bus numbers change from one enumeration to the next; slots do not. A place includes everything
 * below it. It predicts the kernel's group search: it may be too wide by what an isolating bridge
 * would keep apart, and is never too narrow.
 */

#include <limits.h>
#include <stdbool.h>

#include "daemon/base/texts.h"
#include "daemon/host/host.h"

#define PLACE_SIZE (PATH_MAX + 32)

/*
 * Gets the place of devices right below the bridge `port`. Returns 0 or -errno (-ENOENT: the bridge
 * is gone).
 */
_nodiscard_ int place_below(const HostPaths *host, Bdf port, char place[static PLACE_SIZE]);

/* Adds a copy, unless it is there. Returns 0 or -ENOMEM. */
_nodiscard_ int places_add(TextList *places, const char *place);

/*
 * Add place_below() of a bridge, or the place of all functions of a device's slot, unless it is in
 * another place already. Same returns.
 */
_nodiscard_ int places_add_below(TextList *places, const HostPaths *host, Bdf port);
_nodiscard_ int places_add_slot(TextList *places, const HostPaths *host, Bdf device);

/* Whether a path below /sys is one of the places, or below one. */
bool places_contain(const TextList *places, const char *path);

/* Gets the path of a function below /sys. Returns 0 or -errno. */
_nodiscard_ int place_of(const HostPaths *host, Bdf bdf, char ret_path[static PATH_MAX]);

/* Whether both have the same places in the same order. */
bool places_equal(const TextList *a, const TextList *b);
