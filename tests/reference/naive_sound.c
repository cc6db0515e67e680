/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The sound partition from the table of its edges: for every pair of devices, does any edge join
 * them? The facts about a device are looked up once; no other step is optimized.
 */

#include "naive.h"
#include "naive_facts.h"

#include <stdlib.h>

#define SV 0x01
#define RR 0x04
#define CR 0x08
#define UF 0x10

typedef struct Fact {
        size_t above;
        unsigned lacks;
        bool vf;
        bool root, downstream; /* may be one */
        bool port;             /* certainly one of the two */
        bool link;             /* may have a link below */
        bool conventional;     /* may have a conventional bus below */
        bool talks;            /* may have ACS with RR off */
        bool forges;           /* its own port may let any id pass */
        size_t forges_below;   /* how far such an id gets, if so */
        bool doubtful;         /* a missing bridge may lead here */
        size_t group;          /* the kernel's group */
} Fact;

static unsigned lacking(World *world, size_t i)
{
        const PciFacts *facts = &world->devices[i].facts;
        unsigned vendor = world->devices[i].ids.vendor, device = world->devices[i].ids.device, cap;
        int opinion = naive_quirk(world, i, naive_possible_types(world, i));

        if (opinion == 1)
                return 0;
        if (opinion == 0 && vendor == 0x8086 && device == 0xa110)
                return facts->acs.dword4 & ~facts->acs.dword8 & (SV | RR | CR | UF);
        if (opinion == 0 || facts->pcie != TRISTATE_YES || facts->acs.present != TRISTATE_YES)
                return SV | RR | CR | UF;
        cap = facts->acs.cap;
        if (vendor == 0x111d && device == 0x80b5 && naive_release_major(world) >= 7)
                cap &= ~(unsigned)SV;
        return cap & ~(unsigned)facts->acs.ctrl & (SV | RR | CR | UF);
}

static bool may_be_port(World *world, size_t i, unsigned type)
{
        const PciFacts *facts = &world->devices[i].facts;
        size_t bridge = naive_bridge_above(world, i);
        uint32_t above;

        if (facts->pcie == TRISTATE_YES)
                return naive_possible_types(world, i) & 1U << type;
        if (facts->pcie == TRISTATE_NO ||
            (facts->header_known == TRISTATE_YES && facts->header_type == 0))
                return false;
        if (type != 6 || bridge == NOBODY)
                return true;
        above = naive_possible_types(world, bridge);
        return (above & ~(1U << 4 | 1U << 6 | 1U << 8)) != 0;
}

static Fact look_at(World *world, size_t i)
{
        const PciFacts *facts = &world->devices[i].facts;
        uint32_t types = naive_possible_types(world, i);
        Fact fact = {
                .above = naive_bridge_above(world, i),
                .lacks = lacking(world, i),
                .vf = world->devices[i].place.is_vf,
                .root = may_be_port(world, i, 4),
                .downstream = may_be_port(world, i, 6),
                .port = types == 1U << 4 || types == 1U << 6,
                .link = facts->pcie == TRISTATE_YES && types & (1U << 4 | 1U << 6 | 1U << 8),
                .conventional = types & ~(1U << 4 | 1U << 5 | 1U << 6 | 1U << 8),
        };

        if (facts->acs.present != TRISTATE_NO && naive_quirk(world, i, types) != 1)
                fact.talks = facts->acs.present == TRISTATE_UNKNOWN ||
                             facts->pcie != TRISTATE_YES ||
                             (facts->acs.cap & RR && !(facts->acs.ctrl & RR));
        return fact;
}

/*
 * Edge 6: its own port is the nearest port that certainly is one, or any possible port before that.
 */
static void look_for_forging(Fact *facts, size_t i)
{
        size_t top = NOBODY, checks = NOBODY;

        for (size_t p = facts[i].above; p != NOBODY; p = facts[p].above) {
                if ((facts[p].root || facts[p].downstream) && facts[p].lacks & SV)
                        facts[i].forges = true;
                if (facts[p].port)
                        break;
        }
        for (size_t p = facts[i].above; p != NOBODY; p = facts[p].above) {
                if (facts[p].root || facts[p].downstream)
                        top = p;
                if (facts[p].port && !(facts[p].lacks & SV) && checks == NOBODY)
                        checks = p;
        }
        facts[i].forges_below = checks != NOBODY ? checks : top;
}

static bool is_below(const Fact *facts, size_t i, size_t port)
{
        while (i != NOBODY && i != port)
                i = facts[i].above;
        return i == port;
}

static bool edge_bus(const Fact *facts, size_t a, size_t b)
{
        size_t bridge = facts[a].above;

        return bridge != NOBODY && facts[bridge].conventional &&
               (b == bridge || facts[b].above == bridge);
}

static bool edge_alias(World *world, size_t a, size_t b)
{
        return naive_sender(world, a) == b || naive_share_missing_sender(world, a, b) ||
               (naive_on_one_bus(world, a, b) && naive_aliases(world, a, b));
}

static bool edge_function(World *world, const Fact *facts, size_t a, size_t b)
{
        bool one_device = naive_in_one_slot(world, a, b);

        if (facts[a].vf || facts[b].vf || !((facts[a].lacks | facts[b].lacks) & RR))
                return false;
        if (facts[a].above != NOBODY && facts[a].above == facts[b].above &&
            facts[facts[a].above].link)
                one_device = true;
        return one_device;
}

/* Edges 4 and 7: two ports side by side, one above each. */
static bool edge_ports(World *world, const Fact *facts, size_t a, size_t b)
{
        for (size_t p = a; p != NOBODY; p = facts[p].above)
                for (size_t q = b; q != NOBODY; q = facts[q].above) {
                        if (p == q || !((facts[p].lacks | facts[q].lacks) & RR))
                                continue;
                        if (facts[p].downstream && facts[q].downstream &&
                            facts[p].above == facts[q].above && facts[p].above != NOBODY)
                                return true;
                        if (facts[p].root && facts[q].root && naive_in_one_slot(world, p, q))
                                return true;
                }
        return false;
}

static bool edge_turn(const Fact *facts, size_t a, size_t b)
{
        for (size_t p = a; p != NOBODY; p = facts[p].above) {
                if (!(facts[p].lacks & (UF | CR)))
                        continue;
                if ((facts[p].root || facts[p].downstream) && b == p)
                        return true;
                if (facts[p].downstream && b == facts[p].above)
                        return true;
        }
        return false;
}

static size_t physical(World *world, size_t i)
{
        const PciDevice *device = &world->devices[i];

        if (!device->place.is_vf)
                return NOBODY;
        for (size_t f = 0; f < world->n_devices; f++)
                if (bdf_equal(world->devices[f].bdf, device->place.physfn_bdf) &&
                    !world->devices[f].place.is_vf)
                        return f;
        return NOBODY;
}

static bool edge_virtual(World *world, const Fact *facts, size_t a, size_t b)
{
        size_t f = physical(world, a);

        if (f == NOBODY || (b != f && physical(world, b) != f))
                return false;
        if (facts[f].talks)
                return true;
        for (size_t v = 0; v < world->n_devices; v++)
                if (physical(world, v) == f && facts[v].talks)
                        return true;
        return false;
}

static bool tied(World *world, const Fact *facts, size_t a, size_t b)
{
        return facts[a].group == facts[b].group || edge_bus(facts, a, b) ||
               edge_alias(world, a, b) || edge_function(world, facts, a, b) ||
               edge_ports(world, facts, a, b) || edge_turn(facts, a, b) ||
               (facts[a].forges && is_below(facts, b, facts[a].forges_below)) ||
               edge_virtual(world, facts, a, b) ||
               (facts[a].doubtful && facts[b].doubtful);
}

void naive_sound(const Snapshot *snapshot, size_t *groups)
{
        size_t n = snapshot->n_devices;
        Fact *facts = calloc(n + 1, sizeof(*facts));
        bool *kernel = calloc(n + 1, sizeof(*kernel)), *sound = calloc(n + 1, sizeof(*sound));

        if (!facts || !kernel || !sound)
                abort();
        naive_find_doubt(snapshot, kernel, sound);
        naive_replay(snapshot, groups);
        for (size_t i = 0; i < n; i++) {
                facts[i] = look_at(snapshot, i);
                facts[i].group = groups[i];
                facts[i].doubtful = sound[i];
        }
        for (size_t i = 0; i < n; i++) {
                look_for_forging(facts, i);
                groups[i] = i;
        }

        for (size_t a = 0; a < n; a++)
                for (size_t b = 0; b < n; b++) {
                        size_t from = groups[b], to = groups[a];

                        if (from == to || !tied(snapshot, facts, a, b))
                                continue;
                        for (size_t i = 0; i < n; i++)
                                if (groups[i] == from)
                                        groups[i] = to;
                }
        free(facts);
        free(kernel);
        free(sound);
}
