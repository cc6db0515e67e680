/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The possible effects of a function that is missing from the snapshot.
 *
 * A device whose bridge is missing is an orphan, for instance because a text was cut or a
 * directory could not be read. The missing bridge is on a root bus or below a known bridge, and
 * its ACS is unknown. It may therefore join its devices with each other, with functions of its own
 * slot, and with all devices below the bridge above it. All of these are the doubtful set; UNKNOWN
 * never separates, so no partition divides it.
 *
 * The same holds for a missing PF of a VF, and for a missing VMD endpoint of a device in its
 * domain: it may join them with each other and with the functions of its slot.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

typedef struct Doubt {
        bool *kernel;  /* per device: the kernel may group it with the orphans */
        bool *sound;   /* per device: it and the orphans may reach each other; includes `kernel` */
        size_t orphan; /* the first device that shows a missing function; reasons name it */
} Doubt;

/*
 * Finds the doubtful set of a finished snapshot. If no function is missing, both arrays are NULL.
 * Returns 0 or -ENOMEM; the caller calls doubt_deinitp().
 */
_nodiscard_ int doubt_find(const Snapshot *snapshot, Doubt *ret_doubt);

/* Frees the contents of the value. */
static inline void doubt_deinitp(Doubt *doubt)
{
        free(doubt->kernel);
        free(doubt->sound);
}

/* Is the bridge above this device missing from the snapshot? */
static inline bool device_is_orphan(const PciDevice *device)
{
        return device->place.has_parent && device->parent == SNAPSHOT_NONE;
}

/* Is the PF of this VF, or the VMD endpoint of this device, missing from the snapshot? */
static inline bool device_lacks_function(const PciDevice *device)
{
        return (device->place.is_vf && device->physfn == SNAPSHOT_NONE) ||
               (device->place.has_real_dma && device->real_dma == SNAPSHOT_NONE);
}

/* Does this device show that a function is missing? */
static inline bool device_shows_missing(const PciDevice *device)
{
        return device_is_orphan(device) || device_lacks_function(device);
}

/*
 * Is the first function of the device's slot or, below a link, of its bus missing from the
 * snapshot? Every device has one, and the kernel finds the others through it (7.5.1.1.9, 6.13).
 */
bool device_lacks_first_function(const Snapshot *snapshot, size_t index);

/*
 * A noun for the missing function, to precede the address: "bridge above", "PF of", "VMD endpoint
 * above".
 */
const char *doubt_missing_noun(const PciDevice *device);

/* Does the device, or a bridge above it, show that a function is missing? */
bool device_is_below_unknown(const Snapshot *snapshot, size_t index);
