/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a function that is not in the snapshot may do.
 *
 * A device whose bridge is missing is an orphan: a text was cut, a directory could not be read. The
 * missing bridge lies on a root bus or below a bridge that is shown, and nothing is known of its
 * ACS. It may therefore lead its devices to each other, to functions of its own slot, and to what
 * the bridge above it leads to. All of these together are the doubtful set; UNKNOWN never
 * separates, so no partition divides it.
 *
 * The same holds of a PF that a VF names, and of a VMD endpoint that a device of its domain names:
 * it may tie them to each other and to the functions of its slot.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

typedef struct Doubt {
        bool *kernel;  /* per device: the kernel may have it in one group with the orphans */
        bool *sound;   /* per device: it and the orphans may reach each other; includes `kernel` */
        size_t orphan; /* the first that shows something missing, which reasons name */
} Doubt;

/*
 * Finds the doubtful set of a finished snapshot. If nothing is missing both arrays are NULL, and
 * nothing but the search for it is done. Returns 0 or -ENOMEM; the caller calls doubt_deinitp().
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

/* Is the PF that this VF names, or the VMD endpoint, not in the snapshot? */
static inline bool device_lacks_function(const PciDevice *device)
{
        return (device->is_vf && device->physfn == SNAPSHOT_NONE) ||
               (device->has_real_dma && device->real_dma == SNAPSHOT_NONE);
}

/* Is any function missing that this device shows there to be? */
static inline bool device_shows_missing(const PciDevice *device)
{
        return device_is_orphan(device) || device_lacks_function(device);
}

/*
 * Is the first function of the device's slot not in the snapshot, or, below a link, of its bus?
 * Every device has one, and the kernel finds the others by it (7.5.1.1.9, 6.13).
 */
bool device_lacks_first_function(const Snapshot *snapshot, size_t index);

/* What is missing, to be put before the address: "bridge above", "PF of", "VMD endpoint above". */
const char *doubt_missing_noun(const PciDevice *device);

/* Is any function missing that the device, or a bridge above it, shows there to be? */
bool device_is_below_unknown(const Snapshot *snapshot, size_t index);
