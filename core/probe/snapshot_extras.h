/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What all readers do to a snapshot beside adding devices: groups of the kernel, named slots, and
 * one way to say that it is not known what is above a function.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

#define VMD_DOMAIN_FIRST 0x10000 /* the firmware's have 16 bits */

/* Append a copy, what is not printable ASCII in its name replaced by "?". They return 0, -ENOMEM,
 * or -E2BIG beyond 1 << 20 entries. */
_nodiscard_ int snapshot_add_group(Snapshot *snapshot, const KernelGroup *group);
_nodiscard_ int snapshot_add_slot(Snapshot *snapshot, const PciSlot *slot);

/*
 * Is the bridge above a device of a finished snapshot not known at all? A reader says so by a
 * parent that is the device itself; a bridge is never on the bus that is below it.
 */
bool snapshot_parent_is_unknown(const Snapshot *snapshot, const PciDevice *device);

/*
 * Gives the functions of a bus that have an unknown bridge above them the same one, an address that
 * no device has: a bus is below one bridge, so they are together. For a finished snapshot.
 */
void snapshot_share_unknown_parents(Snapshot *snapshot);

/*
 * All functions of a VMD's domain use its endpoint's id. Gives those that name none the endpoint of
 * the others, or one that is not known. For a finished snapshot. Returns 0 or -ENOMEM.
 */
_nodiscard_ int snapshot_complete_domains(Snapshot *snapshot);

/* Sorts both, groups by number and slots by name; what is there twice is kept once. */
void snapshot_sort_extras(Snapshot *snapshot);
