/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Finds the places where the bridges missing above orphans may be, and the devices that such a
 * bridge may join with the orphans.
 *
 * A place is a known bridge with the missing one below it (`opens`), or a slot in which the
 * missing one may be another function (`beside`). If neither an address nor the bus numbers of a
 * known bridge show the place, every root bus of the domain is one, and every function that may be
 * a bridge with unknown buses.
 */

#include "core/model/doubt.h"

#include "core/model/groups.h"
#include "core/model/quirks.h"
#include "core/model/sound_notes.h"

#include <errno.h>

#define BUSES 256

/* A cause that may join a function with a missing one. */
typedef enum Tie {
        TIE_NONE = 0,
        TIE_SOUND,
        TIE_KERNEL,
} Tie;

typedef struct Places {
        const Snapshot *snapshot;
        bool *opens;    /* a missing bridge may be below this one */
        bool *open_bus; /* in any slot of its secondary bus */
        bool *beside;   /* a missing bridge may be another function of this slot */
        bool *on_bus;   /* a missing bridge may be on this bus */

        /* The state of the search in the current domain. */
        size_t begin, end;    /* its devices */
        bool is_marked;       /* every place in it is marked */
        bool is_asked[BUSES]; /* the bridges that cover the bus are marked */
} Places;

static void places_deinitp(Places *places)
{
        free(places->opens);
        free(places->open_bus);
        free(places->beside);
        free(places->on_bus);
}

bool device_is_below_unknown(const Snapshot *snapshot, size_t index)
{
        for (size_t i = index; i != SNAPSHOT_NONE; i = snapshot->devices[i].parent)
                if (device_shows_missing(&snapshot->devices[i]) ||
                    device_lacks_first_function(snapshot, i))
                        return true;
        return false;
}

bool device_lacks_first_function(const Snapshot *snapshot, size_t index)
{
        const PciDevice *device = &snapshot->devices[index];
        Bdf first = {device->bdf.domain, device->bdf.bus, device->bdf.devfn & 0xf8};

        if (device->place.is_vf)
                return false;
        if (device->parent != SNAPSHOT_NONE && port_is_link(&snapshot->devices[device->parent]))
                first.devfn = 0;
        return !bdf_equal(first, device->bdf) && snapshot_find(snapshot, first) == SNAPSHOT_NONE;
}

const char *doubt_missing_noun(const PciDevice *device)
{
        if (device_is_orphan(device))
                return "bridge above";
        return device->place.has_real_dma && device->real_dma == SNAPSHOT_NONE
                       ? "VMD endpoint above"
                       : "PF of";
}

/* Can the function be a bridge, by its header (PCIe 7.5.1.3) or else by its class? */
static bool may_be_bridge(const PciDevice *device)
{
        unsigned base = device->ids.class_code >> 16, sub = device->ids.class_code >> 8 & 0xff;

        if (device->place.is_vf)
                return false;
        if (device->facts.header_known == TRISTATE_YES)
                return device->facts.header_type != 0;
        if (device->ids.class_code == 0)
                return true;
        return base == 0x06 && sub != 0x00 && sub != 0x01 && sub != 0x02 && sub != 0x80;
}

/* A bridge with unknown bus numbers may lead to any bus. */
static void mark_silent_bridges(Places *places)
{
        for (size_t i = places->begin; i < places->end; i++) {
                const PciDevice *device = &places->snapshot->devices[i];

                if (may_be_bridge(device) && device->facts.buses_known != TRISTATE_YES)
                        places->opens[i] = places->open_bus[i] = true;
        }
}

static void enter_domain(Places *places, size_t orphan)
{
        const PciDevice *devices = places->snapshot->devices;

        if (orphan < places->end)
                return;
        for (places->begin = orphan; places->begin > 0; places->begin--)
                if (devices[places->begin - 1].bdf.domain != devices[orphan].bdf.domain)
                        break;
        for (places->end = orphan; places->end < places->snapshot->n_devices; places->end++)
                if (devices[places->end].bdf.domain != devices[orphan].bdf.domain)
                        break;
        places->is_marked = false;
        for (size_t bus = 0; bus < BUSES; bus++)
                places->is_asked[bus] = false;
        mark_silent_bridges(places);
}

/* The place is unknown: any slot of the domain's root buses. */
static void mark_root_buses(Places *places)
{
        for (size_t i = places->begin; !places->is_marked && i < places->end; i++)
                if (!places->snapshot->devices[i].place.has_parent)
                        places->beside[i] = places->on_bus[i] = true;
        places->is_marked = true;
}

/* The innermost bridges that lead to `bus`; without any, a root bus. */
static void mark_covering(Places *places, unsigned bus)
{
        int nearest = -1;

        if (places->is_asked[bus])
                return;
        places->is_asked[bus] = true;
        for (int pass = 0; pass < 2; pass++)
                for (size_t i = places->begin; i < places->end; i++) {
                        const PciDevice *device = &places->snapshot->devices[i];
                        const PciFacts *facts = &device->facts;

                        if (facts->buses_known != TRISTATE_YES || device->place.is_vf ||
                            facts->secondary_bus > bus || facts->subordinate_bus < bus)
                                continue;
                        if (pass == 0 && facts->secondary_bus > nearest)
                                nearest = facts->secondary_bus;
                        if (pass == 1 && facts->secondary_bus == nearest)
                                places->opens[i] = places->open_bus[i] = true;
                }
        if (nearest < 0)
                mark_root_buses(places);
}

/*
 * The missing bridge has an address: marks the functions of its slot. Returns false if there are
 * none.
 */
static bool mark_address(Places *places, Bdf missing)
{
        const Snapshot *snapshot = places->snapshot;
        bool found = false;

        for (size_t i = snapshot_lower_bound(snapshot, (Bdf){missing.domain, missing.bus, 0});
             i < snapshot->n_devices && bdf_same_bus(snapshot->devices[i].bdf, missing); i++) {
                const PciDevice *device = &snapshot->devices[i];

                if (device->place.is_vf)
                        continue;
                found = true;
                places->on_bus[i] = true;
                places->beside[i] |= bdf_device(device->bdf) == bdf_device(missing);
                if (device->parent != SNAPSHOT_NONE)
                        places->opens[device->parent] = true;
        }
        return found;
}

static void mark_place(Places *places, size_t orphan)
{
        const PciDevice *device = &places->snapshot->devices[orphan];
        Bdf above = device->place.parent_bdf;

        enter_domain(places, orphan);
        /* For an unknown bridge, readers use an address on the orphan's own bus. */
        if (!bdf_same_bus(above, device->bdf) && mark_address(places, above))
                return;
        mark_covering(places, above.domain == device->bdf.domain ? above.bus : device->bdf.bus);
}

/*
 * A missing function with a known address: the kernel may group it with the functions of its slot
 * and with the users of its id. Inside the device it may reach the functions of its slot and,
 * below a link, all of its bus, which has only one device (6.13). Returns the cause.
 */
static Tie mark_function(const Places *places, Bdf missing, Doubt *doubt)
{
        const Snapshot *snapshot = places->snapshot;
        Tie found = TIE_NONE;

        for (size_t i = snapshot_lower_bound(snapshot, (Bdf){missing.domain, missing.bus, 0});
             i < snapshot->n_devices && bdf_same_bus(snapshot->devices[i].bdf, missing); i++) {
                const PciDevice *device = &snapshot->devices[i];
                size_t parent = device->parent;
                bool in_slot = bdf_device(device->bdf) == bdf_device(missing);
                AliasMask mask;

                if (device->place.is_vf)
                        continue;
                if ((in_slot && device->multifunction != TRISTATE_NO &&
                     !acs_isolated(snapshot, i, NULL)) ||
                    (known_alias_mask(device, &mask) && alias_mask_has(&mask, missing.devfn))) {
                        doubt->kernel[i] = doubt->sound[i] = true;
                        found = TIE_KERNEL;
                } else if (device->multifunction != TRISTATE_NO &&
                           (in_slot || (parent != SNAPSHOT_NONE &&
                                        port_is_link(&snapshot->devices[parent])))) {
                        doubt->sound[i] = true;
                        found = found == TIE_NONE ? TIE_SOUND : found;
                }
        }
        return found;
}

/* Missing PFs and VMD endpoints, and the functions that refer to them. */
static void mark_functions(const Places *places, Doubt *doubt)
{
        const Snapshot *snapshot = places->snapshot;
        const PciDevice *before = NULL;
        Tie tie = TIE_NONE;

        for (size_t i = doubt->orphan; i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];

                if (device->place.is_vf && device->physfn == SNAPSHOT_NONE) {
                        doubt->sound[i] = true;
                        (void)mark_function(places, device->place.physfn_bdf, doubt);
                }
                if (!device->place.has_real_dma || device->real_dma != SNAPSHOT_NONE)
                        continue;
                if (!before || !bdf_equal(before->place.real_dma_bdf, device->place.real_dma_bdf))
                        tie = mark_function(places, device->place.real_dma_bdf, doubt);
                before = device;
                doubt->kernel[i] |= tie == TIE_KERNEL;
                doubt->sound[i] |= tie != TIE_NONE;
        }
}

/* Any function on an open bus may share its slot with the missing bridge. */
static void mark_open_buses(Places *places)
{
        for (size_t i = 0; i < places->snapshot->n_devices; i++) {
                size_t parent = places->snapshot->devices[i].parent;

                if (parent != SNAPSHOT_NONE && places->open_bus[parent])
                        places->beside[i] = places->on_bus[i] = true;
        }
}

/*
 * May the kernel put the devices below this bridge into its group, or into that of a bridge above?
 */
static bool ties_what_is_below(const Snapshot *snapshot, size_t bridge)
{
        for (size_t i = bridge; i != SNAPSHOT_NONE; i = snapshot->devices[i].parent) {
                const PciDevice *device = &snapshot->devices[i];

                if (device_is_orphan(device) || !acs_isolated(snapshot, i, NULL) ||
                    device->facts.pcie != TRISTATE_YES ||
                    device->pcie_type == PCIE_TYPE_PCIE_TO_PCI ||
                    device->pcie_type == PCIE_TYPE_PCI_TO_PCIE)
                        return true;
        }
        return false;
}

static bool is_tied_by_kernel(const Places *places, size_t i)
{
        const PciDevice *device = &places->snapshot->devices[i];
        AliasMask mask;

        if (device_is_orphan(device))
                return true;
        if (places->opens[i] && ties_what_is_below(places->snapshot, i))
                return true;
        if (device->place.is_vf)
                return false;
        if (places->on_bus[i] && known_alias_mask(device, &mask))
                return true;
        return places->beside[i] && device->multifunction != TRISTATE_NO &&
               !acs_isolated(places->snapshot, i, NULL);
}

/*
 * Requests also come down: from the missing bridge to the devices below its neighbour ports and,
 * if no port above checks requester ids, to all below the port on the root bus.
 */
static void mark_sound(const Places *places, Doubt *doubt)
{
        const Snapshot *snapshot = places->snapshot;

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];
                size_t top = i;

                doubt->sound[i] |= doubt->kernel[i] || (places->beside[i] && !device->place.is_vf &&
                                                        device->multifunction != TRISTATE_NO);
                if (!places->opens[i])
                        continue;
                while (snapshot->devices[top].parent != SNAPSHOT_NONE)
                        top = snapshot->devices[top].parent;
                doubt->sound[top] = true;
        }
        for (size_t k = 0; k < snapshot->n_devices; k++) {
                size_t i = snapshot->probe_order[k], parent = snapshot->devices[i].parent;

                doubt->sound[i] |= parent != SNAPSHOT_NONE && doubt->sound[parent];
        }
}

static size_t first_doubtful(const Snapshot *snapshot)
{
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (device_shows_missing(&snapshot->devices[i]))
                        return i;
        return SNAPSHOT_NONE;
}

int doubt_find(const Snapshot *snapshot, Doubt *ret_doubt)
{
        size_t n = snapshot->n_devices;
        _cleanup_(places_deinitp) Places places = {.snapshot = snapshot};
        _cleanup_(doubt_deinitp) Doubt doubt = {.orphan = first_doubtful(snapshot)};

        *ret_doubt = (Doubt){.orphan = SNAPSHOT_NONE};
        if (doubt.orphan == SNAPSHOT_NONE)
                return 0;
        places.opens = calloc(n, sizeof(bool));
        places.open_bus = calloc(n, sizeof(bool));
        places.beside = calloc(n, sizeof(bool));
        places.on_bus = calloc(n, sizeof(bool));
        doubt.kernel = calloc(n, sizeof(bool));
        doubt.sound = calloc(n, sizeof(bool));
        if (!places.opens || !places.open_bus || !places.beside || !places.on_bus ||
            !doubt.kernel || !doubt.sound)
                return -ENOMEM;

        for (size_t i = doubt.orphan; i < n; i++)
                if (device_is_orphan(&snapshot->devices[i]))
                        mark_place(&places, i);
        mark_functions(&places, &doubt);
        mark_open_buses(&places);
        for (size_t i = 0; i < n; i++)
                doubt.kernel[i] |= is_tied_by_kernel(&places, i);
        mark_sound(&places, &doubt);
        *ret_doubt = doubt;
        doubt = (Doubt){0};
        return 0;
}
