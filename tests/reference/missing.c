/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Chooses a bridge, and copies all devices but the bridge.
 */

#include "missing.h"

#include "core/model/quirks.h"

#include <stdlib.h>
#include <string.h>

/*
 * Not a PF, a VMD endpoint or a device with several requester ids: those join other devices without
 * being a bridge.
 */
static bool is_plain_bridge(const Snapshot *snapshot, size_t index)
{
        bool has_child = false;
        AliasMask mask;

        if (known_alias_mask(&snapshot->devices[index], &mask))
                return false;
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];

                if (device->physfn == index || device->real_dma == index)
                        return false;
                has_child |= device->parent == index;
        }
        return has_child;
}

static bool is_below(const Snapshot *snapshot, size_t index, size_t above)
{
        while (index != SNAPSHOT_NONE && index != above)
                index = snapshot->devices[index].parent;
        return index == above;
}

/* The lowest and the highest bus below the bridge; false if there is nothing. */
static bool find_buses(const Snapshot *snapshot, size_t bridge, PciFacts *facts)
{
        unsigned low = 256, high = 0;

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];

                if (i == bridge || !is_below(snapshot, i, bridge))
                        continue;
                if (device->parent == bridge && !device->place.is_vf && device->bdf.bus < low)
                        low = device->bdf.bus;
                if (device->bdf.bus > high)
                        high = device->bdf.bus;
        }
        facts->secondary_bus = (uint8_t)low;
        facts->subordinate_bus = (uint8_t)high;
        return low < 256;
}

static void tell_buses(const Snapshot *snapshot, size_t index, PciDevice *device)
{
        device->facts.buses_known =
                find_buses(snapshot, index, &device->facts) ? TRISTATE_YES : TRISTATE_NO;
        /* A bridge that leads nowhere has bus numbers too, but no device uses them. */
        if (device->facts.buses_known == TRISTATE_NO)
                device->facts.secondary_bus = device->facts.subordinate_bus = 0;
}

/* A copy of all devices but `index`, which may be NOBODY. */
static Snapshot *copy_without(const Snapshot *snapshot, size_t index, Missing how)
{
        Snapshot *copy = NULL;

        if (snapshot_new(&copy) < 0)
                abort();
        copy->ivrs = snapshot->ivrs;
        memcpy(copy->kernel_release, snapshot->kernel_release, SNAPSHOT_NAME_SIZE);
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                PciDevice device = snapshot->devices[i];

                if (i == index)
                        continue;
                if (how == MISSING_BUSES)
                        tell_buses(snapshot, i, &device);
                if (index != SNAPSHOT_NONE && device.parent == index && how != MISSING_ADDRESS)
                        device.place.parent_bdf = device.bdf;
                if (snapshot_add(copy, &device) < 0)
                        abort();
        }
        if (snapshot_finish(copy) < 0)
                abort();
        return copy;
}

Snapshot *missing_nothing(const Snapshot *snapshot, Missing how)
{
        return copy_without(snapshot, SNAPSHOT_NONE, how);
}

Snapshot *missing_bridge(const Snapshot *snapshot, size_t index, Missing how)
{
        return is_plain_bridge(snapshot, index) ? copy_without(snapshot, index, how) : NULL;
}

Snapshot *missing_random(Random *random, const Snapshot *snapshot, Missing how)
{
        unsigned n = (unsigned)snapshot->n_devices;
        unsigned start = n > 0 ? random_below(random, n) : 0;
        Snapshot *copy = NULL;

        for (unsigned i = 0; i < n && !copy; i++)
                copy = missing_bridge(snapshot, (start + i) % n, how);
        return copy;
}
