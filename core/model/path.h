/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Stable places: the position of a device without bus numbers.
 *
 * A place is a chain of steps from a root bus; each step is a device.function below the previous
 * step. Two devices never share a place: if a tree gives them the same one, the device with the
 * lowest address keeps it, and the others are *displaced*: their step is their whole address.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

/*
 * Writes the path of a device of a finished snapshot (snapshot_path()) and a NUL if they fit into
 * `size` bytes, else nothing. Returns the length of the path in both cases.
 */
size_t path_write(const Snapshot *snapshot, size_t index, char *text, size_t size);

/* Fills `is_displaced` of all devices, given their links. Returns 0 or -ENOMEM. */
_nodiscard_ int path_mark_displaced(Snapshot *snapshot);

/*
 * Orders devices of a finished snapshot from the top down, by depth and then by place. The order
 * does not depend on bus numbers below the root buses. Returns <0, 0, >0.
 */
int path_compare(const Snapshot *snapshot, size_t a, size_t b);
