/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Facts first (which bridge is above, which type, which quirk), then the two ways of grouping.
 */

#include "naive.h"
#include "naive_facts.h"

#include <stdlib.h>
#include <string.h>

#define REQUIRED 0x1d /* SV, RR, CR, UF */

static const PciDevice *dev(World *world, size_t i)
{
        return &world->devices[i];
}

static size_t lookup(World *world, Bdf bdf)
{
        for (size_t i = 0; i < world->n_devices; i++)
                if (dev(world, i)->bdf.domain == bdf.domain && dev(world, i)->bdf.bus == bdf.bus &&
                    dev(world, i)->bdf.devfn == bdf.devfn)
                        return i;
        return NOBODY;
}

size_t naive_bridge_above(World *world, size_t i)
{
        const PciDevice *device = dev(world, i);

        /* A parent's address that equals the device's own means that the bridge is unknown. */
        if (!device->place.has_parent || bdf_equal(device->place.parent_bdf, device->bdf))
                return NOBODY;
        return lookup(world, device->place.parent_bdf);
}

bool naive_is_orphan(World *world, size_t i)
{
        return dev(world, i)->place.has_parent && naive_bridge_above(world, i) == NOBODY;
}

size_t naive_sender(World *world, size_t i)
{
        size_t real = NOBODY;

        if (dev(world, i)->place.has_real_dma)
                real = lookup(world, dev(world, i)->place.real_dma_bdf);
        return real != NOBODY && !dev(world, real)->place.is_vf ? real : i;
}

/* Beyond the kernel's rules: an endpoint that is not in the snapshot, or is no endpoint. */
static bool sender_is_missing(World *world, size_t i)
{
        return dev(world, i)->place.has_real_dma && naive_sender(world, i) == i;
}

bool naive_share_missing_sender(World *world, size_t a, size_t b)
{
        return sender_is_missing(world, a) && sender_is_missing(world, b) &&
               bdf_equal(dev(world, a)->place.real_dma_bdf, dev(world, b)->place.real_dma_bdf);
}

bool naive_on_one_bus(World *world, size_t a, size_t b)
{
        return dev(world, a)->bdf.domain == dev(world, b)->bdf.domain &&
               dev(world, a)->bdf.bus == dev(world, b)->bdf.bus;
}

bool naive_in_one_slot(World *world, size_t a, size_t b)
{
        return naive_on_one_bus(world, a, b) &&
               dev(world, a)->bdf.devfn / 8 == dev(world, b)->bdf.devfn / 8;
}

/* As a set of possibilities, one bit per PCIe type; bit 16: not PCIe. */
uint32_t naive_possible_types(World *world, size_t i)
{
        const PciFacts *facts = &dev(world, i)->facts;
        uint32_t above, types = 0;
        size_t bridge = naive_bridge_above(world, i);

        if (facts->pcie == TRISTATE_UNKNOWN)
                return 0x1ffff;
        if (facts->pcie == TRISTATE_NO)
                return 1U << 16;
        if (facts->pcie_type != 5 && facts->pcie_type != 6)
                return 1U << facts->pcie_type;
        if (bridge == NOBODY)
                return dev(world, i)->place.has_parent ? 1U << 5 | 1U << 6 : 1U << facts->pcie_type;

        above = naive_possible_types(world, bridge);
        for (unsigned type = 0; type <= 16; type++) {
                if (!(above & 1U << type))
                        continue;
                if (facts->pcie_type == 6)
                        types |= type == 4 || type == 6 || type == 8 ? 1U << 5 : 1U << 6;
                else
                        types |= type == 5 ? 1U << 6 : 1U << 5;
        }
        return types;
}

bool naive_may_be_one_of_several(World *world, size_t i)
{
        const PciDevice *device = dev(world, i);
        size_t bridge = naive_bridge_above(world, i);

        if (device->place.is_vf)
                return false;
        if (device->bdf.devfn % 8 != 0)
                return true;
        /* An ARI function: not 0, below a port, where there is but one device. */
        if (device->bdf.devfn != 0 && bridge != NOBODY && device->facts.caps.ari != TRISTATE_NO &&
            dev(world, bridge)->facts.pcie == TRISTATE_YES &&
            (naive_possible_types(world, bridge) & (1U << 4 | 1U << 6)) != 0 &&
            (naive_possible_types(world, bridge) & (1U << 4 | 1U << 6)) ==
                    naive_possible_types(world, bridge))
                return true;
        return device->facts.header_known != TRISTATE_YES ||
               device->facts.multifunction_bit != TRISTATE_NO;
}

static bool is_certainly_several(World *world, size_t i)
{
        const PciDevice *device = dev(world, i);

        return naive_may_be_one_of_several(world, i) &&
               (device->bdf.devfn % 8 != 0 || (device->facts.header_known == TRISTATE_YES &&
                                               device->facts.multifunction_bit == TRISTATE_YES));
}

unsigned naive_release_major(World *world)
{
        return (unsigned)strtoul(world->kernel_release, NULL, 10);
}

/* 1: isolated, 0: not, -1: no opinion. */
int naive_quirk(World *world, size_t i, uint32_t types)
{
        const PciDevice *device = dev(world, i);
        uint32_t id = (uint32_t)device->ids.vendor << 16 | device->ids.device;
        const PciFacts *facts = &device->facts;

        switch (id) {
        case 0x10024385:
                if (is_certainly_several(world, i) && !device->place.has_parent &&
                    world->ivrs == TRISTATE_YES)
                        return 1;
                return -1;
        case 0x808610fb:
        case 0x19578d80:
        case 0x80881001:
                return 1;
        case 0x80880110:
                return 0;
        case 0x177da100:
                return types == 1U << 4 ? 1 : -1;
        case 0x1d170721:
                return types == 1U << 4 || types == 1U << 6 ? 1 : -1;
        case 0x1d170720:
                return facts->pcie == TRISTATE_YES && (types & (1U << 4 | 1U << 6)) ? 0 : -1;
        default:
                break;
        }
        if (device->ids.vendor != 0x8086)
                return -1;
        if (types == 1U << 9)
                return 1;
        if (types != 1U << 4)
                return -1;
        if (device->ids.device == 0x8c10)
                return facts->pch_redirect == TRISTATE_YES;
        if (device->ids.device == 0xa110 && facts->acs.present == TRISTATE_YES)
                return (facts->acs.dword8 & REQUIRED & facts->acs.dword4) ==
                       (REQUIRED & facts->acs.dword4);
        return -1;
}

static bool capability_isolates(World *world, size_t i)
{
        const PciDevice *device = dev(world, i);
        unsigned needed = REQUIRED & device->facts.acs.cap;

        if (device->facts.acs.present != TRISTATE_YES)
                return false;
        if (device->ids.vendor == 0x111d && device->ids.device == 0x80b5 &&
            naive_release_major(world) >= 7)
                needed &= ~1U;
        return (device->facts.acs.ctrl & needed) == needed;
}

/* Certainly isolated: for every type that the function may have. */
bool naive_isolated(World *world, size_t i)
{
        uint32_t types = naive_possible_types(world, i);
        int opinion = naive_quirk(world, i, types);

        if (opinion >= 0)
                return opinion;
        for (unsigned type = 0; type <= 16; type++) {
                bool ok;

                if (!(types & 1U << type))
                        continue;
                if (type == 16 || type == 7 || type == 8 || type == 10)
                        ok = false;
                else if (type == 4 || type == 6)
                        ok = capability_isolates(world, i);
                else if (type == 0 || type == 1 || type == 5 || type == 9)
                        ok = !naive_may_be_one_of_several(world, i) ||
                             capability_isolates(world, i);
                else
                        ok = true;
                if (!ok)
                        return false;
        }
        return true;
}

static bool way_up_isolated(World *world, size_t bridge)
{
        for (; bridge != NOBODY; bridge = naive_bridge_above(world, bridge))
                if (!naive_isolated(world, bridge) || naive_is_orphan(world, bridge))
                        return false;
        return true;
}

static bool stands_for_what_is_below(World *world, size_t bridge)
{
        uint32_t types = naive_possible_types(world, bridge);

        if (types & (1U << 16 | 1U << 8))
                return true;
        if (!(types & 1U << 7))
                return false;
        return !(dev(world, bridge)->ids.vendor == 0x1a03 &&
                 dev(world, bridge)->ids.device == 0x1150 && naive_release_major(world) >= 7);
}

static bool translates(World *world, size_t bridge)
{
        return dev(world, bridge)->ids.vendor == 0x14e4 && dev(world, bridge)->ids.device == 0x9084;
}

/* Does the function at i also send as devfn? */
static bool sends_as(World *world, size_t i, unsigned devfn)
{
        const PciDevice *device = dev(world, i);
        unsigned slot = device->bdf.devfn & ~7U, function = device->bdf.devfn & 7U;

        switch ((uint32_t)device->ids.vendor << 16 | device->ids.device) {
        case 0x1180e476:
                return function != 0 && devfn == slot;
        case 0x1b4b9230:
                return function != 1 && devfn == slot + 1;
        case 0x10b587b0:
                return true;
        case 0x80862260:
                return devfn == 0x80 || devfn == 0x88 || devfn == 0x93;
        case 0x90050285:
                return device->ids.subsystem_vendor == 0x9005 &&
                       device->ids.subsystem_device == 0x02bc && devfn == 8;
        default:
                return false;
        }
}

/* Does AMD firmware say that a, on b's bus, sends requests as b? */
static bool told_to_send_as(World *world, size_t a, size_t b)
{
        return dev(world, a)->place.has_ivrs_alias &&
               dev(world, a)->place.ivrs_alias_devfn == dev(world, b)->bdf.devfn;
}

static bool aliases_from_the_start(World *world, size_t a, size_t b)
{
        return sends_as(world, a, dev(world, b)->bdf.devfn) ||
               sends_as(world, b, dev(world, a)->bdf.devfn) || naive_sender(world, a) == b ||
               naive_sender(world, b) == a;
}

bool naive_aliases(World *world, size_t a, size_t b)
{
        return aliases_from_the_start(world, a, b) || told_to_send_as(world, a, b) ||
               told_to_send_as(world, b, a);
}

/* --- the replay ------------------------------------------------------------------------------ */

/* Adds one device after the other; `now` is the current one. */
typedef struct Turn {
        const size_t *groups;
        size_t now;
        bool visited[256];
} Turn;

/* AMD's driver learns a device's alias from firmware when it adds that device, and keeps it. */
static bool aliases_by_now(World *world, const Turn *turn, size_t a, size_t b)
{
        if (a <= turn->now && told_to_send_as(world, a, b))
                return true;
        if (b <= turn->now && told_to_send_as(world, b, a))
                return true;
        return aliases_from_the_start(world, a, b);
}

static size_t by_slot(World *world, Turn *turn, size_t p);

static size_t by_alias(World *world, Turn *turn, size_t p)
{
        const size_t *groups = turn->groups;
        bool *visited = turn->visited;

        if (visited[dev(world, p)->bdf.devfn])
                return NOBODY;
        visited[dev(world, p)->bdf.devfn] = true;
        if (groups[p] != NOBODY)
                return groups[p];
        for (size_t t = 0; t < world->n_devices; t++) {
                size_t group;

                if (t == p || !naive_on_one_bus(world, p, t) || !aliases_by_now(world, turn, p, t))
                        continue;
                group = by_alias(world, turn, t);
                if (group == NOBODY)
                        group = by_slot(world, turn, t);
                if (group != NOBODY)
                        return group;
        }
        return NOBODY;
}

static size_t by_slot(World *world, Turn *turn, size_t p)
{
        if (!naive_may_be_one_of_several(world, p) || naive_isolated(world, p))
                return NOBODY;
        for (size_t t = 0; t < world->n_devices; t++) {
                size_t group;

                if (t == p || !naive_in_one_slot(world, p, t) || naive_isolated(world, t))
                        continue;
                group = by_alias(world, turn, t);
                if (group != NOBODY)
                        return group;
        }
        return NOBODY;
}

static size_t group_for(World *world, const size_t *groups, size_t i)
{
        Turn turn = {.groups = groups, .now = i};
        size_t p = naive_sender(world, i), group;

        if (groups[p] != NOBODY)
                return groups[p];
        for (size_t t = 0; t < world->n_devices; t++)
                if (groups[t] != NOBODY && naive_share_missing_sender(world, i, t))
                        return groups[t];
        for (size_t b = naive_bridge_above(world, p); b != NOBODY;
             b = naive_bridge_above(world, b)) {
                if (translates(world, b))
                        break;
                if (!stands_for_what_is_below(world, b))
                        continue;
                p = b;
                if (groups[b] != NOBODY)
                        return groups[b];
        }
        for (size_t b = naive_bridge_above(world, p); b != NOBODY;
             b = naive_bridge_above(world, b)) {
                if (way_up_isolated(world, b))
                        break;
                p = b;
                if (groups[b] != NOBODY)
                        return groups[b];
        }
        group = by_alias(world, &turn, p);
        return group != NOBODY ? group : by_slot(world, &turn, p);
}

void naive_replay(const Snapshot *snapshot, size_t *groups)
{
        bool *doubt = calloc(snapshot->n_devices + 1, sizeof(*doubt));

        if (!doubt)
                abort();
        for (size_t i = 0; i < snapshot->n_devices; i++)
                groups[i] = NOBODY;
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                size_t group = group_for(snapshot, groups, i);

                groups[i] = group != NOBODY ? group : i;
        }
        /* Beyond the kernel's rules: devices in doubt are together. */
        naive_find_doubt(snapshot, doubt, NULL);
        for (size_t a = 0; a < snapshot->n_devices; a++)
                for (size_t b = 0; b < a; b++) {
                        size_t from = groups[a], to = groups[b];

                        if (from == to || !doubt[a] || !doubt[b])
                                continue;
                        for (size_t i = 0; i < snapshot->n_devices; i++)
                                if (groups[i] == from)
                                        groups[i] = to;
                }
        free(doubt);
}

/* --- the closure ----------------------------------------------------------------------------- */

/* The device above to which i is joined, or NOBODY. */
static size_t tied_above(World *world, size_t i)
{
        size_t p = naive_sender(world, i);

        if (p != i)
                return p;
        for (size_t b = naive_bridge_above(world, i); b != NOBODY;
             b = naive_bridge_above(world, b)) {
                if (translates(world, b))
                        break;
                if (stands_for_what_is_below(world, b))
                        return b;
        }
        p = naive_bridge_above(world, i);
        return p != NOBODY && !way_up_isolated(world, p) ? p : NOBODY;
}

static bool tied(World *world, size_t a, size_t b)
{
        if (tied_above(world, a) == b || naive_share_missing_sender(world, a, b))
                return true;
        if (tied_above(world, a) != NOBODY || !naive_on_one_bus(world, a, b))
                return false;
        if (naive_aliases(world, a, b))
                return true;
        return naive_in_one_slot(world, a, b) && naive_may_be_one_of_several(world, a) &&
               !naive_isolated(world, a) && !naive_isolated(world, b);
}

void naive_closure(const Snapshot *snapshot, size_t *groups)
{
        bool *doubt = calloc(snapshot->n_devices + 1, sizeof(*doubt));
        bool grew = true;

        if (!doubt)
                abort();
        naive_find_doubt(snapshot, doubt, NULL);
        for (size_t i = 0; i < snapshot->n_devices; i++)
                groups[i] = i;
        while (grew) {
                grew = false;
                for (size_t a = 0; a < snapshot->n_devices; a++) {
                        for (size_t b = 0; b < snapshot->n_devices; b++) {
                                size_t low, high;

                                if (groups[a] == groups[b] ||
                                    !(tied(snapshot, a, b) || (doubt[a] && doubt[b])))
                                        continue;
                                low = groups[a] < groups[b] ? groups[a] : groups[b];
                                high = groups[a] < groups[b] ? groups[b] : groups[a];
                                for (size_t i = 0; i < snapshot->n_devices; i++)
                                        if (groups[i] == high)
                                                groups[i] = low;
                                grew = true;
                        }
                }
        }
        free(doubt);
}
