/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Grows machines from the root buses down, and numbers buses in the order in which it meets them.
 */

#include "random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_BUSES_MAX 0x70
#define DEPTH_MAX 5

typedef struct Growth {
        Random *random;
        const RandomOptions *options;
        Snapshot *snapshot;
        uint32_t domain;
        unsigned next_bus, end_bus;
        unsigned root_bus;
        Bdf real_dma;
        bool has_real_dma;
        unsigned ivrs_aliases; /* per thousand: firmware gives a device an alias */
} Growth;

static void grow_bus(Growth *growth, unsigned bus, const PciDevice *bridge, unsigned depth);

unsigned random_below(Random *random, unsigned limit)
{
        /* xorshift64*, Vigna 2014 */
        random->state ^= random->state >> 12;
        random->state ^= random->state << 25;
        random->state ^= random->state >> 27;
        return (unsigned)((random->state * 0x2545f4914f6cdd1dULL >> 33) % limit);
}

bool random_chance(Random *random, unsigned per_thousand)
{
        return random_below(random, 1000) < per_thousand;
}

static void fail(const char *what)
{
        fprintf(stderr, "%s\n", what);
        abort();
}

static void random_ids(Growth *growth, PciDevice *device)
{
        static const uint32_t ids[] = {
                0x808610fb, 0x8086abcd, 0x80868c10, 0x8086a110, 0x10024385, 0x177da100, 0x1d170720,
                0x1d170721, 0x80880110, 0x80881001, 0x19578d80, 0x111d80b5, 0x1b4b9230, 0x1180e476,
                0x10b587b0, 0x90050285, 0x80862260, 0x14e49084, 0x1a031150,
        };
        uint32_t id = 0xabcd0001;

        if (random_chance(growth->random, growth->options->redirecting ? 60 : 250))
                id = ids[random_below(growth->random, ARRAY_SIZE(ids))];
        device->ids.vendor = (uint16_t)(id >> 16);
        device->ids.device = (uint16_t)id;
        device->ids.subsystem_vendor = 0x9005;
        device->ids.subsystem_device = random_chance(growth->random, 500) ? 0x02bc : 0x02bd;
}

static void random_acs(Growth *growth, PciFacts *facts)
{
        static const uint16_t caps[] = {0x1f, 0x5f, 0x7f, 0x1d, 0x05, 0x00, 0x42};

        /* Sometimes clears one bit of a good port. */
        if (growth->options->redirecting && random_chance(growth->random, 800)) {
                facts->acs.present = TRISTATE_YES;
                facts->acs.offset = 0x140;
                facts->acs.cap = facts->acs.dword4 = 0x1f;
                facts->acs.ctrl = 0x1d;
                facts->acs.dword8 = 0x1d;
                if (random_chance(growth->random, 250))
                        facts->acs.ctrl ^= (uint16_t)(1U << random_below(growth->random, 5));
                return;
        }
        facts->acs.present = tristate_from_bool(random_chance(growth->random, 550));
        if (facts->acs.present == TRISTATE_YES) {
                facts->acs.offset = 0x140;
                facts->acs.cap = caps[random_below(growth->random, ARRAY_SIZE(caps))];
                facts->acs.ctrl = random_chance(growth->random, 700)
                                          ? facts->acs.cap
                                          : (uint16_t)random_below(growth->random, 0x80);
                facts->acs.dword4 = facts->acs.cap;
                facts->acs.dword8 = random_below(growth->random, 0x20);
        }
        if (random_chance(growth->random, growth->options->unknown))
                facts->acs.present = TRISTATE_UNKNOWN;
}

static void random_facts(Growth *growth, PciDevice *device, int type, bool several)
{
        PciFacts *facts = &device->facts;

        facts->present = TRISTATE_YES;
        facts->header_known = TRISTATE_YES;
        facts->multifunction_bit = tristate_from_bool(several);
        if (!growth->options->tidy && random_chance(growth->random, 100))
                facts->multifunction_bit = tristate_from_bool(!several);
        facts->caps.ari = tristate_from_bool(random_chance(growth->random, 100));
        facts->pcie = tristate_from_bool(type >= 0);
        facts->pcie_type = type >= 0 ? (uint8_t)type : 0;
        facts->pch_redirect = (Tristate)random_below(growth->random, 3);
        if (type >= 0)
                random_acs(growth, facts);
        else
                facts->acs.present = TRISTATE_NO;
        if (random_chance(growth->random, growth->options->unknown))
                facts->pcie = facts->acs.present = TRISTATE_UNKNOWN;
        if (random_chance(growth->random, growth->options->unknown))
                facts->header_known = TRISTATE_UNKNOWN;
        if (random_chance(growth->random, growth->options->unknown))
                facts->multifunction_bit = TRISTATE_UNKNOWN;
        if (random_chance(growth->random, growth->options->unknown))
                facts->caps.ari = TRISTATE_UNKNOWN;
}

/* The type of a function below a bridge of type `above` (-1 conventional, 16 none). */
static int random_type(Random *random, int above, bool redirecting)
{
        static const int root[] = {4, 4, 4, 4, 9, 9, -1, -1, -1, 0, 10, 7, 15};
        static const int link[] = {0, 0, 0, 0, 0, 1, 5, 5, 7, 6, -1};
        static const int inside[] = {6, 6, 6, 6, 6, 0, 5};
        static const int bus[] = {-1, -1, -1, -1, 8, 0};

        if (redirecting && above == 16 && random_chance(random, 700))
                return 4;
        if (redirecting && above == 5)
                return 6;
        if (redirecting && above >= 4 && above <= 6 && random_chance(random, 400))
                return random_chance(random, 600) ? 5 : 0;
        switch (above) {
        case 16:
                return root[random_below(random, ARRAY_SIZE(root))];
        case 4:
        case 6:
        case 8:
                return link[random_below(random, ARRAY_SIZE(link))];
        case 5:
                return inside[random_below(random, ARRAY_SIZE(inside))];
        default:
                return bus[random_below(random, ARRAY_SIZE(bus))];
        }
}

static PciDevice blank(Growth *growth, unsigned bus, unsigned devfn, const PciDevice *bridge)
{
        PciDevice device = {
                .bdf = {growth->domain, (uint8_t)bus, (uint8_t)devfn},
                .kernel_group = -1,
                .place.root_bus = (uint8_t)growth->root_bus,
                .place.root_domain = growth->domain,
                .place.has_parent = bridge != NULL,
                .place.real_dma_bdf = growth->real_dma,
                .place.has_real_dma = growth->has_real_dma,
        };

        if (bridge)
                device.place.parent_bdf = bridge->bdf;
        /* Function 0 or 1 of the slot, or any. */
        if (!growth->options->tidy && random_chance(growth->random, growth->ivrs_aliases)) {
                unsigned alias = random_below(growth->random, 256);

                if (random_chance(growth->random, 700))
                        alias = (devfn & ~7U) | random_below(growth->random, 2);
                device.place.has_ivrs_alias = alias != devfn;
                device.place.ivrs_alias_devfn = (uint8_t)alias;
        }
        return device;
}

/* Adds virtual functions, at any free addresses of the bus. */
static void grow_vfs(Growth *growth, const PciDevice *physfn, const PciDevice *bridge, bool *taken)
{
        unsigned n = random_below(growth->random, 4);

        for (unsigned i = 0; i < n; i++) {
                unsigned devfn = random_below(growth->random, 256);
                PciDevice device = blank(growth, physfn->bdf.bus, devfn, bridge);

                if (taken[devfn] || devfn <= physfn->bdf.devfn)
                        continue;
                taken[devfn] = true;
                device.place.is_vf = true;
                device.place.physfn_bdf = physfn->bdf;
                device.place.vf_index = i;
                device.ids.vendor = growth->options->tidy || random_chance(growth->random, 700)
                                            ? 0xabcd
                                            : 0x8088;
                device.ids.device = 0x0110;
                random_facts(growth, &device, PCIE_TYPE_ENDPOINT, false);
                if (snapshot_add(growth->snapshot, &device) < 0)
                        fail("snapshot_add");
        }
}

static void grow_function(Growth *growth, PciDevice *device, const PciDevice *bridge,
                          unsigned depth, int type, bool *taken)
{
        bool is_bridge = type >= 4 && type <= 8;

        if (type == -1)
                is_bridge = random_chance(growth->random, 250);
        device->facts.header_type = is_bridge;
        /* Sometimes removes a bridge, as if it disappeared while the rest was read. */
        if (!is_bridge || !random_chance(growth->random, growth->options->unknown / 4))
                if (snapshot_add(growth->snapshot, device) < 0)
                        fail("snapshot_add");
        if (type == PCIE_TYPE_ENDPOINT && random_chance(growth->random, 200))
                grow_vfs(growth, device, bridge, taken);
        if (is_bridge && depth < DEPTH_MAX && growth->next_bus < growth->end_bus)
                grow_bus(growth, growth->next_bus++, device, depth + 1);
}

static void grow_slot(Growth *growth, unsigned bus, unsigned slot, const PciDevice *bridge,
                      unsigned depth, bool *taken)
{
        unsigned functions = 1;
        int above = 16;

        if (bridge)
                above = bridge->facts.pcie == TRISTATE_NO ? -1 : bridge->facts.pcie_type;
        if (random_chance(growth->random, 350))
                functions |= random_below(growth->random, 256) & random_below(growth->random, 256);
        for (unsigned i = 0; i < 8; i++) {
                PciDevice device = blank(growth, bus, slot << 3 | i, bridge);
                int type = random_type(growth->random, above, growth->options->redirecting);

                if (!(functions & 1U << i) || taken[slot << 3 | i])
                        continue;
                taken[slot << 3 | i] = true;
                random_ids(growth, &device);
                random_facts(growth, &device, type, functions != 1);
                grow_function(growth, &device, bridge, depth, type, taken);
        }
}

static void grow_bus(Growth *growth, unsigned bus, const PciDevice *bridge, unsigned depth)
{
        bool taken[256] = {false};
        unsigned n = 1 + random_below(growth->random, bridge ? 3 : 6);
        bool tidy_link =
                growth->options->redirecting && bridge && !random_chance(growth->random, 100);

        if (tidy_link && bridge->facts.pcie_type == PCIE_TYPE_UPSTREAM)
                n = 2 + random_below(growth->random, 3);
        else if (tidy_link && bridge->facts.pcie != TRISTATE_NO)
                n = 1;

        for (unsigned i = 0; i < n; i++) {
                /* Slots that some quirks alias are chosen more often. */
                static const unsigned slots[] = {0, 0, 0, 1, 2, 0x10, 0x12};
                unsigned slot = random_chance(growth->random, 600)
                                        ? slots[random_below(growth->random, ARRAY_SIZE(slots))]
                                        : random_below(growth->random, 32);

                if (tidy_link && bridge->facts.pcie != TRISTATE_NO)
                        slot = i;
                if (growth->snapshot->n_devices < growth->options->n_devices_max &&
                    !taken[slot << 3])
                        grow_slot(growth, bus, slot, bridge, depth, taken);
        }
}

static void grow_vmd(Growth *growth)
{
        Bdf endpoint = {0, 0, 0x0e << 3};
        PciDevice device = {.bdf = endpoint, .kernel_group = -1};

        random_facts(growth, &device, PCIE_TYPE_RC_ENDPOINT, false);
        if (!random_chance(growth->random, 100) && snapshot_add(growth->snapshot, &device) < 0)
                fail("snapshot_add");
        growth->domain = 0x10000;
        growth->root_bus = 0xe0;
        growth->next_bus = 0xe1;
        growth->end_bus = 0xff;
        growth->real_dma = endpoint;
        growth->has_real_dma = true;
        grow_bus(growth, 0xe0, NULL, 0);
}

Snapshot *random_topology(Random *random, const RandomOptions *options)
{
        Growth growth = {.random = random, .options = options};

        if (snapshot_new(&growth.snapshot) < 0)
                fail("snapshot_new");
        growth.snapshot->ivrs = (Tristate)random_below(random, 3);
        growth.ivrs_aliases = growth.snapshot->ivrs == TRISTATE_YES ? 150 : 0;
        (void)snprintf(growth.snapshot->kernel_release, SNAPSHOT_NAME_SIZE, "%s",
                       random_chance(random, 500) ? "7.2.13" : "6.1.0-49-amd64");

        growth.next_bus = 1;
        growth.end_bus = N_BUSES_MAX;
        grow_bus(&growth, 0, NULL, 0);
        if (random_chance(random, 300)) {
                growth.root_bus = 0x80;
                growth.next_bus = 0x81;
                growth.end_bus = 0xf0;
                grow_bus(&growth, 0x80, NULL, 0);
        }
        if (random_chance(random, 100))
                grow_vmd(&growth);
        if (snapshot_finish(growth.snapshot) < 0)
                fail("snapshot_finish");
        return growth.snapshot;
}

void add_acs(Snapshot *snapshot, PciDevice *device)
{
        PciFacts *facts = &device->facts;

        facts->acs.present = TRISTATE_YES;
        facts->acs.cap = facts->acs.ctrl = 0x1f;
        facts->acs.dword4 = facts->acs.dword8 = 0x1f;
        if (snapshot_finish(snapshot) < 0)
                fail("snapshot_finish");
}

/* Draws a number for each bus of each of the two domains; root buses keep theirs. */
static void draw_buses(Random *random, const Snapshot *snapshot, uint8_t numbers[2][256])
{
        bool fixed[2][256] = {{false}};

        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (!snapshot->devices[i].place.has_parent)
                        fixed[snapshot->devices[i].bdf.domain != 0][snapshot->devices[i].bdf.bus] =
                                true;
        for (unsigned d = 0; d < 2; d++)
                for (unsigned i = 0; i < 256; i++)
                        numbers[d][i] = (uint8_t)i;
        for (unsigned d = 0; d < 2; d++)
                for (unsigned i = 255; i > 0; i--) {
                        unsigned other = random_below(random, i + 1);
                        uint8_t number = numbers[d][i];

                        if (fixed[d][i] || fixed[d][other])
                                continue;
                        numbers[d][i] = numbers[d][other];
                        numbers[d][other] = number;
                }
}

Snapshot *random_renumber(Random *random, const Snapshot *snapshot)
{
        uint8_t numbers[2][256];
        size_t *order = calloc(snapshot->n_devices + 1, sizeof(*order));
        Snapshot *copy = NULL;

        if (!order || snapshot_new(&copy) < 0)
                fail("out of memory");
        draw_buses(random, snapshot, numbers);
        copy->ivrs = snapshot->ivrs;
        memcpy(copy->kernel_release, snapshot->kernel_release, SNAPSHOT_NAME_SIZE);
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                size_t other = random_below(random, (unsigned)i + 1);

                order[i] = order[other];
                order[other] = i;
        }
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                PciDevice device = snapshot->devices[order[i]];

                device.bdf.bus = numbers[device.bdf.domain != 0][device.bdf.bus];
                device.place.parent_bdf.bus =
                        numbers[device.place.parent_bdf.domain != 0][device.place.parent_bdf.bus];
                device.place.physfn_bdf.bus =
                        numbers[device.place.physfn_bdf.domain != 0][device.place.physfn_bdf.bus];
                device.kernel_group = device.kernel_group < 0 ? -1 : 4096 - device.kernel_group;
                device.facts.serial_number = order[i]; /* which device it was */
                if (snapshot_add(copy, &device) < 0)
                        fail("snapshot_add");
        }
        if (snapshot_finish(copy) < 0)
                fail("snapshot_finish");
        free(order);
        return copy;
}

bool random_degrade(Random *random, Snapshot *snapshot)
{
        unsigned index = random_below(random, (unsigned)snapshot->n_devices);

        return random_degrade_device(random, snapshot, &snapshot->devices[index]);
}

bool random_degrade_device(Random *random, Snapshot *snapshot, PciDevice *device)
{
        Tristate *const facts[] = {
                &device->facts.pcie,
                &device->facts.acs.present,
                &device->facts.header_known,
                &device->facts.pch_redirect,
                &device->facts.caps.ari,
                &snapshot->ivrs,
                &device->facts.multifunction_bit,
        };
        Tristate *fact = facts[random_below(random, ARRAY_SIZE(facts))];
        bool known = *fact != TRISTATE_UNKNOWN;

        *fact = TRISTATE_UNKNOWN;
        if (snapshot_finish(snapshot) < 0)
                fail("snapshot_finish");
        return known;
}
