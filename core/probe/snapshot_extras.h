/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Functions of all readers that complete a snapshot: kernel groups, named slots, and the common
 * form of an unknown bridge above a function.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

#define VMD_DOMAIN_FIRST 0x10000 /* firmware's domains have 16 bits */

/*
 * Append a copy, with "?" for characters of its name that are not printable ASCII. Return 0,
 * -ENOMEM, or -E2BIG beyond 1 << 20 entries.
 */
_nodiscard_ int snapshot_add_group(Snapshot *snapshot, const KernelGroup *group);
_nodiscard_ int snapshot_add_slot(Snapshot *snapshot, const PciSlot *slot);

/*
 * Is the bridge above a device of a finished snapshot unknown? Readers mark it with a parent
 * address that is the device's own, because a bridge is never on the bus below it.
 */
bool snapshot_parent_is_unknown(const Snapshot *snapshot, const PciDevice *device);

/*
 * Gives all functions of a bus with an unknown bridge the same one, with an unused address: a bus
 * is below one bridge, so they belong together. For a finished snapshot.
 */
void snapshot_share_unknown_parents(Snapshot *snapshot);

/*
 * All functions of a VMD's domain use its endpoint's id. Gives functions without an endpoint that
 * of the others, or an unknown one. For a finished snapshot. Returns 0 or -ENOMEM.
 */
_nodiscard_ int snapshot_complete_domains(Snapshot *snapshot);

/* Sorts groups by number and slots by name; removes duplicates. */
void snapshot_sort_extras(Snapshot *snapshot);
