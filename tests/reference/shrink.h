/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Making a machine that shows a fault small: parts are taken out and made plain as long as the fault
 * stays.
 */

#include "core/model/snapshot.h"

/* True while the machine still shows what is looked for. */
typedef bool (*ShrinkFault)(const Snapshot *snapshot, void *context);

/* Returns a finished machine that shows the fault and no smaller one of it does; never NULL. */
Snapshot *shrink(const Snapshot *snapshot, ShrinkFault fault, void *context);

/* Prints a machine, one `#` line a device. */
void shrink_print(const Snapshot *snapshot);
