/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a bridge that is not in the snapshot may do.
 *
 * A device whose bridge is missing is an orphan: a text was cut, a directory could not be read. The
 * missing bridge lies on a root bus or below a bridge that is shown, and nothing is known of its
 * ACS. It may therefore lead its devices to each other, to functions of its own slot, and to what
 * the bridge above it leads to. All of these together are the doubtful set; UNKNOWN never
 * separates, so no partition divides it.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

typedef struct Doubt {
        bool *kernel;  /* per device: the kernel may have it in one group with the orphans */
        bool *sound;   /* per device: it and the orphans may reach each other; includes `kernel` */
        size_t orphan; /* the first of them, which reasons name */
} Doubt;

/*
 * Finds the doubtful set of a finished snapshot. Without orphans both arrays are NULL, and nothing
 * but the search for orphans is done. Returns 0 or -ENOMEM; the caller calls doubt_deinitp().
 */
_nodiscard_ int doubt_find(const Snapshot *snapshot, Doubt *ret_doubt);

/* Frees what the value owns, not the value. */
static inline void doubt_deinitp(Doubt *doubt)
{
        free(doubt->kernel);
        free(doubt->sound);
}

/* Is the bridge above this device not in the snapshot? */
static inline bool device_is_orphan(const PciDevice *device)
{
        return device->has_parent && device->parent == SNAPSHOT_NONE;
}

/* Is any bridge above the device not in the snapshot? */
bool device_is_below_unknown(const Snapshot *snapshot, size_t index);
