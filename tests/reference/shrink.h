/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shrinks a machine that shows a fault: removes and simplifies parts as long as the fault stays.
 */

#include "core/model/snapshot.h"

/* True while the machine still shows the fault. */
typedef bool (*ShrinkFault)(const Snapshot *snapshot, void *context);

/*
 * Returns a finished machine that shows the fault and that no single change makes smaller; never
 * NULL.
 */
Snapshot *shrink(const Snapshot *snapshot, ShrinkFault fault, void *context);

/* Prints a machine, one `#` line a device. */
void shrink_print(const Snapshot *snapshot);
