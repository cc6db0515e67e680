/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Filling what a snapshot holds beside its devices: groups of the kernel and named slots.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

/* Append a copy. They return 0, -ENOMEM, or -E2BIG beyond 1 << 20 entries. */
_nodiscard_ int snapshot_add_group(Snapshot *snapshot, const KernelGroup *group);
_nodiscard_ int snapshot_add_slot(Snapshot *snapshot, const PciSlot *slot);

/* Sorts both, groups by number and slots by name; what is there twice is kept once. */
void snapshot_sort_extras(Snapshot *snapshot);
