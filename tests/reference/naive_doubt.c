/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Missing bridges, read naively. For each orphan: where may its bridge be, and may a bridge there
 * join the given device to the orphan?
 */

#include "core/model/quirks.h"
#include "naive_facts.h"

static const PciDevice *dev(World *world, size_t i)
{
        return &world->devices[i];
}

static bool tells_buses(World *world, size_t i)
{
        return dev(world, i)->facts.buses_known == TRISTATE_YES && !dev(world, i)->place.is_vf;
}

/* May it be a bridge that does not tell which buses are below it? */
static bool is_silent_bridge(World *world, size_t i)
{
        unsigned class = dev(world, i)->ids.class_code >> 8;

        if (dev(world, i)->place.is_vf || dev(world, i)->facts.buses_known == TRISTATE_YES)
                return false;
        if (dev(world, i)->facts.header_known == TRISTATE_YES)
                return dev(world, i)->facts.header_type != 0;
        return dev(world, i)->ids.class_code == 0 ||
               (class >> 8 == 6 && class != 0x600 && class != 0x601 && class != 0x602 &&
                class != 0x680);
}

/* Has the reader told the missing bridge's address, and is anything else on its bus? */
static bool has_address(World *world, size_t orphan)
{
        Bdf above = dev(world, orphan)->place.parent_bdf;

        if (bdf_same_bus(above, dev(world, orphan)->bdf))
                return false;
        for (size_t i = 0; i < world->n_devices; i++)
                if (bdf_same_bus(dev(world, i)->bdf, above) && !dev(world, i)->place.is_vf)
                        return true;
        return false;
}

static unsigned bus_of(World *world, size_t orphan)
{
        Bdf above = dev(world, orphan)->place.parent_bdf;

        return above.domain == dev(world, orphan)->bdf.domain ? above.bus
                                                              : dev(world, orphan)->bdf.bus;
}

static bool covers(World *world, size_t bridge, size_t orphan)
{
        const PciFacts *facts = &dev(world, bridge)->facts;

        return tells_buses(world, bridge) &&
               dev(world, bridge)->bdf.domain == dev(world, orphan)->bdf.domain &&
               facts->secondary_bus <= bus_of(world, orphan) &&
               facts->subordinate_bus >= bus_of(world, orphan);
}

static bool covers_nearest(World *world, size_t bridge, size_t orphan)
{
        if (!covers(world, bridge, orphan))
                return false;
        for (size_t i = 0; i < world->n_devices; i++)
                if (covers(world, i, orphan) &&
                    dev(world, i)->facts.secondary_bus > dev(world, bridge)->facts.secondary_bus)
                        return false;
        return true;
}

static bool is_covered(World *world, size_t orphan)
{
        for (size_t i = 0; i < world->n_devices; i++)
                if (covers(world, i, orphan))
                        return true;
        return false;
}

/* In any slot of the bus below `bridge`? */
static bool may_be_anywhere_below(World *world, size_t orphan, size_t bridge)
{
        if (is_silent_bridge(world, bridge) &&
            dev(world, bridge)->bdf.domain == dev(world, orphan)->bdf.domain)
                return true;
        return !has_address(world, orphan) && covers_nearest(world, bridge, orphan);
}

static bool may_be_below(World *world, size_t orphan, size_t bridge)
{
        if (may_be_anywhere_below(world, orphan, bridge))
                return true;
        for (size_t i = 0; i < world->n_devices; i++)
                if (has_address(world, orphan) && !dev(world, i)->place.is_vf &&
                    naive_bridge_above(world, i) == bridge &&
                    bdf_same_bus(dev(world, i)->bdf, dev(world, orphan)->place.parent_bdf))
                        return true;
        return false;
}

static bool may_be_on_bus_of(World *world, size_t orphan, size_t i)
{
        size_t bridge = naive_bridge_above(world, i);

        if (bridge != NOBODY && may_be_anywhere_below(world, orphan, bridge))
                return true;
        if (has_address(world, orphan))
                return !dev(world, i)->place.is_vf &&
                       bdf_same_bus(dev(world, i)->bdf, dev(world, orphan)->place.parent_bdf);
        return !dev(world, i)->place.has_parent && !is_covered(world, orphan) &&
               dev(world, i)->bdf.domain == dev(world, orphan)->bdf.domain;
}

static bool may_be_in_slot_of(World *world, size_t orphan, size_t i)
{
        size_t bridge = naive_bridge_above(world, i);

        if (!may_be_on_bus_of(world, orphan, i))
                return false;
        return !has_address(world, orphan) ||
               (bridge != NOBODY && may_be_anywhere_below(world, orphan, bridge)) ||
               bdf_device(dev(world, i)->bdf) == bdf_device(dev(world, orphan)->place.parent_bdf);
}

/* Do the devices below the bridge join the kernel's group of it, or of a bridge above? */
static bool draws_in(World *world, size_t bridge)
{
        for (size_t b = bridge; b != NOBODY; b = naive_bridge_above(world, b))
                if (!naive_isolated(world, b) || naive_is_orphan(world, b) ||
                    naive_possible_types(world, b) & (1U << 7 | 1U << 8 | 1U << 16))
                        return true;
        return false;
}

static bool has_alias(World *world, size_t i)
{
        AliasMask mask;

        return known_alias_mask(dev(world, i), &mask);
}

/* The function whose id the device uses, if that function is missing. */
static bool lacks_sender(World *world, size_t i)
{
        return dev(world, i)->place.has_real_dma && naive_sender(world, i) == i;
}

static bool lacks_physfn(World *world, size_t i)
{
        for (size_t f = 0; f < world->n_devices; f++)
                if (!dev(world, f)->place.is_vf &&
                    bdf_equal(dev(world, f)->bdf, dev(world, i)->place.physfn_bdf))
                        return false;
        return dev(world, i)->place.is_vf;
}

/* May the kernel have a missing function with that address in one group with `i`? */
static bool may_group_with(World *world, size_t i, Bdf missing)
{
        const Bdf bdf = dev(world, i)->bdf;
        AliasMask mask;

        if (dev(world, i)->place.is_vf || !bdf_same_bus(bdf, missing))
                return false;
        return (bdf_same_slot(bdf, missing) && naive_may_be_one_of_several(world, i) &&
                !naive_isolated(world, i)) ||
               (known_alias_mask(dev(world, i), &mask) && alias_mask_has(&mask, missing.devfn));
}

/* May they be functions of one device? */
static bool may_talk_to(World *world, size_t i, Bdf missing)
{
        const Bdf bdf = dev(world, i)->bdf;
        size_t bridge = naive_bridge_above(world, i);
        const uint32_t links = 1U << 4 | 1U << 6 | 1U << 8;

        if (may_group_with(world, i, missing))
                return true;
        if (dev(world, i)->place.is_vf || !bdf_same_bus(bdf, missing) ||
            !naive_may_be_one_of_several(world, i))
                return false;
        return bdf_same_slot(bdf, missing) ||
               (bridge != NOBODY && naive_possible_types(world, bridge) & links &&
                dev(world, bridge)->facts.pcie == TRISTATE_YES);
}

typedef bool (*Test)(World *world, size_t i, Bdf missing);

/* Does a missing function join `i` to a device that names it, or the other way round? */
static bool is_tied_by_missing(World *world, size_t i, Test test)
{
        for (size_t o = 0; o < world->n_devices; o++) {
                if (lacks_sender(world, o) && test(world, i, dev(world, o)->place.real_dma_bdf))
                        return true;
                if (lacks_physfn(world, o) && test(world, i, dev(world, o)->place.physfn_bdf))
                        return true;
                if (lacks_sender(world, i) && test(world, o, dev(world, i)->place.real_dma_bdf))
                        return true;
        }
        return false;
}

static bool is_doubtful(World *world, size_t i)
{
        if (naive_is_orphan(world, i) || is_tied_by_missing(world, i, may_group_with))
                return true;
        for (size_t o = 0; o < world->n_devices; o++) {
                if (!naive_is_orphan(world, o))
                        continue;
                if (may_be_below(world, o, i) && draws_in(world, i))
                        return true;
                if (dev(world, i)->place.is_vf)
                        continue;
                if (may_be_on_bus_of(world, o, i) && has_alias(world, i))
                        return true;
                if (may_be_in_slot_of(world, o, i) && naive_may_be_one_of_several(world, i) &&
                    !naive_isolated(world, i))
                        return true;
        }
        return false;
}

static size_t top_of(World *world, size_t i)
{
        while (naive_bridge_above(world, i) != NOBODY)
                i = naive_bridge_above(world, i);
        return i;
}

static bool is_below(World *world, size_t i, size_t above)
{
        while (i != NOBODY && i != above)
                i = naive_bridge_above(world, i);
        return i == above;
}

/* Marks the device and all devices below it. */
static void mark(World *world, size_t top, bool *marks)
{
        for (size_t i = 0; i < world->n_devices; i++)
                marks[i] |= is_below(world, i, top);
}

void naive_find_doubt(World *world, bool *ret_kernel, bool *ret_sound)
{
        bool any = false;

        for (size_t i = 0; i < world->n_devices; i++) {
                any |= naive_is_orphan(world, i) || lacks_sender(world, i) ||
                       lacks_physfn(world, i);
                ret_kernel[i] = false;
                if (ret_sound)
                        ret_sound[i] = false;
        }
        for (size_t i = 0; any && i < world->n_devices; i++)
                ret_kernel[i] = is_doubtful(world, i);
        for (size_t i = 0; any && ret_sound && i < world->n_devices; i++) {
                if (ret_kernel[i] || lacks_physfn(world, i) ||
                    is_tied_by_missing(world, i, may_talk_to))
                        mark(world, i, ret_sound);
                for (size_t o = 0; o < world->n_devices; o++) {
                        if (!naive_is_orphan(world, o))
                                continue;
                        if (may_be_below(world, o, i))
                                mark(world, top_of(world, i), ret_sound);
                        if (!dev(world, i)->place.is_vf && may_be_in_slot_of(world, o, i) &&
                            naive_may_be_one_of_several(world, i))
                                mark(world, i, ret_sound);
                }
        }
}
