/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Changes a copy of a snapshot. Finishing it again derives types, depth, order and places from the
 * changed facts.
 */

#include "core/model/what_if.h"

#include "core/model/compare_suppose.h"
#include "core/model/groups.h"
#include "core/model/quirks.h"

#include <errno.h>
#include <string.h>

#define ACS_BITS 7
#define N_BUSES 256

/* Adds to `chosen` all devices below chosen ones, and the VFs of chosen functions. */
static void choose_below(const Snapshot *snapshot, bool *chosen)
{
        bool grew = true;

        /* Each pass adds VFs of PFs and devices below bridges; few passes suffice. */
        while (grew) {
                grew = false;
                for (size_t k = 0; k < snapshot->n_devices; k++) {
                        size_t i = snapshot->probe_order[k];
                        const PciDevice *device = &snapshot->devices[i];

                        if (chosen[i] ||
                            !((device->parent != SNAPSHOT_NONE && chosen[device->parent]) ||
                              (device->physfn != SNAPSHOT_NONE && chosen[device->physfn])))
                                continue;
                        chosen[i] = grew = true;
                }
        }
}

/* Can there be only one device below? */
static bool is_link(const PciDevice *port)
{
        return port->facts.pcie == TRISTATE_YES &&
               (port->pcie_type == PCIE_TYPE_ROOT_PORT || port->pcie_type == PCIE_TYPE_DOWNSTREAM ||
                port->pcie_type == PCIE_TYPE_PCI_TO_PCIE);
}

static bool can_hold_cards(const PciDevice *port)
{
        if (is_link(port))
                return true;
        if (port->facts.pcie == TRISTATE_YES)
                return port->pcie_type == PCIE_TYPE_PCIE_TO_PCI;
        return port->facts.header_known == TRISTATE_YES && port->facts.header_type != 0;
}

/* The card: all functions of one device, and all below. */
static void choose_card(const Snapshot *snapshot, size_t card, bool *chosen)
{
        const PciDevice *devices = snapshot->devices;

        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (i == card || (bdf_same_bus(devices[i].bdf, devices[card].bdf) &&
                                  (bdf_device(devices[i].bdf) == bdf_device(devices[card].bdf) ||
                                   is_link(&devices[devices[card].parent]))))
                        chosen[i] = true;
        choose_below(snapshot, chosen);
}

/* Marks the bus numbers of a domain that stay in use, or that belong to a bridge's range. */
static void mark_buses(const Snapshot *snapshot, uint32_t domain, const bool *chosen, bool *used)
{
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];

                if (device->bdf.domain != domain)
                        continue;
                if (!chosen[i])
                        used[device->bdf.bus] = true;
                if (!device->place.has_parent)
                        used[device->place.root_bus] = true;
                if (!chosen[i] && device->facts.buses_known == TRISTATE_YES)
                        used[device->facts.secondary_bus] = true;
        }
}

static int take_bus(bool *used, uint8_t *ret_bus)
{
        for (unsigned bus = 1; bus < N_BUSES; bus++)
                if (!used[bus]) {
                        used[bus] = true;
                        *ret_bus = (uint8_t)bus;
                        return 0;
                }
        return WHAT_IF_E_NO_BUS;
}

/*
 * The bus below the port: that of the devices there, else the port's secondary bus, else a free
 * number.
 */
static int find_target_bus(const Snapshot *snapshot, size_t port, const bool *chosen, bool *used,
                           uint8_t *ret_bus)
{
        const PciDevice *device = &snapshot->devices[port];

        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (!chosen[i] && snapshot->devices[i].parent == port) {
                        *ret_bus = snapshot->devices[i].bdf.bus;
                        return is_link(device) ? WHAT_IF_E_OCCUPIED : 0;
                }
        if (device->facts.buses_known == TRISTATE_YES && device->facts.secondary_bus != 0) {
                *ret_bus = device->facts.secondary_bus;
                return 0;
        }
        return take_bus(used, ret_bus);
}

/* New numbers for all buses of the card, by old number; `map` is of the card's domain. */
static int map_buses(const Snapshot *snapshot, size_t card, size_t port, const bool *chosen,
                     uint8_t *map)
{
        bool used[N_BUSES] = {false}, mapped[N_BUSES] = {false};
        uint32_t domain = snapshot->devices[port].bdf.domain;
        int r;

        mark_buses(snapshot, domain, chosen, used);
        r = find_target_bus(snapshot, port, chosen, used, &map[snapshot->devices[card].bdf.bus]);
        if (r != 0)
                return r;
        mapped[snapshot->devices[card].bdf.bus] = true;
        used[map[snapshot->devices[card].bdf.bus]] = true;

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                uint8_t bus = snapshot->devices[i].bdf.bus;

                if (!chosen[i] || mapped[bus])
                        continue;
                mapped[bus] = true;
                if (used[bus]) {
                        r = take_bus(used, &map[bus]);
                        if (r != 0)
                                return r;
                } else {
                        used[bus] = true;
                        map[bus] = bus;
                }
        }
        return 0;
}

/* Is the address free after the card has moved? */
static bool is_free(const Snapshot *snapshot, const bool *chosen, Bdf bdf)
{
        size_t index = snapshot_find(snapshot, bdf);

        return index == SNAPSHOT_NONE || chosen[index];
}

static void move_device(PciDevice *device, const PciDevice *card, const PciDevice *port,
                        const uint8_t *map)
{
        bool on_card_bus = device->place.has_parent && card->place.has_parent &&
                           bdf_equal(device->place.parent_bdf, card->place.parent_bdf);

        device->bdf = (Bdf){port->bdf.domain, map[device->bdf.bus], device->bdf.devfn};
        if (on_card_bus)
                device->place.parent_bdf = port->bdf;
        else
                device->place.parent_bdf =
                        (Bdf){port->bdf.domain, map[device->place.parent_bdf.bus],
                              device->place.parent_bdf.devfn};
        device->place.physfn_bdf = (Bdf){port->bdf.domain, map[device->place.physfn_bdf.bus],
                                         device->place.physfn_bdf.devfn};
        device->place.root_bus = port->place.root_bus;
        device->place.root_domain = port->place.root_domain;
        device->place.has_real_dma = port->place.has_real_dma;
        device->place.real_dma_bdf = port->place.real_dma_bdf;
        device->kernel_group = -1;
        device->sysfs.iommu_kind = port->sysfs.iommu_kind;
        memcpy(device->sysfs.iommu, port->sysfs.iommu, sizeof(device->sysfs.iommu));
}

int what_if_move(const Snapshot *snapshot, Bdf card_bdf, Bdf port_bdf, Snapshot **ret_snapshot)
{
        _cleanup_(snapshot_freep) Snapshot *copy = NULL;
        _cleanup_(freep) bool *chosen = calloc(snapshot->n_devices + 1, sizeof(*chosen));
        size_t card = snapshot_find(snapshot, card_bdf), port = snapshot_find(snapshot, port_bdf);
        uint8_t map[N_BUSES] = {0};
        int r;

        if (!chosen)
                return -ENOMEM;
        if (card == SNAPSHOT_NONE || port == SNAPSHOT_NONE)
                return WHAT_IF_E_NO_DEVICE;
        if (snapshot->devices[card].parent == SNAPSHOT_NONE)
                return WHAT_IF_E_NO_CARD;
        choose_card(snapshot, card, chosen);
        if (chosen[port])
                return WHAT_IF_E_LOOP;
        if (!can_hold_cards(&snapshot->devices[port]))
                return WHAT_IF_E_NO_PORT;
        r = map_buses(snapshot, card, port, chosen, map);
        if (r != 0)
                return r;
        r = snapshot_copy(snapshot, &copy);
        if (r < 0)
                return r;

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                if (!chosen[i])
                        continue;
                move_device(&copy->devices[i], &snapshot->devices[card], &snapshot->devices[port],
                            map);
                if (!is_free(snapshot, chosen, copy->devices[i].bdf))
                        return WHAT_IF_E_OCCUPIED;
        }
        r = snapshot_finish(copy);
        if (r < 0)
                return r;
        if (copy->n_devices != snapshot->n_devices)
                return WHAT_IF_E_OCCUPIED; /* a card of several domains, in a forged tree */
        *ret_snapshot = TAKE_PTR(copy);
        return 0;
}

/* Ports with dword registers have their control elsewhere (kernel-facts 1.5). */
static bool has_dword_registers(const PciDevice *device)
{
        if (device->ids.vendor != 0x8086 || device->pcie_type != PCIE_TYPE_ROOT_PORT)
                return false;
        for (size_t i = 0; i < quirk_intel_spt_ids.n_ranges; i++)
                if (device->ids.device >= quirk_intel_spt_ids.ranges[i].first &&
                    device->ids.device <= quirk_intel_spt_ids.ranges[i].last)
                        return true;
        return false;
}

static void set_acs(PciDevice *device, uint16_t on, uint16_t off)
{
        PciFacts *facts = &device->facts;

        if (has_dword_registers(device)) {
                facts->acs.dword8 |= on & facts->acs.dword4;
                facts->acs.dword8 &= ~(uint32_t)off;
                return;
        }
        facts->acs.ctrl |= on & facts->acs.cap;
        facts->acs.ctrl &= (uint16_t)~off;
        facts->acs.dword4 = (uint32_t)facts->acs.ctrl << 16 | facts->acs.cap;
}

/* Applies one "BITS@ADDRESS" of `n` characters. */
static int apply_acs(Snapshot *snapshot, const char *spec, size_t n)
{
        size_t n_bits = strcspn(spec, "@"), index;
        char text[BDF_TEXT_SIZE] = "";
        uint16_t on = 0, off = 0;
        PciDevice *device;
        Bdf bdf;

        if (n_bits == 0 || n_bits > ACS_BITS || n_bits >= n || n - n_bits - 1 >= sizeof(text))
                return WHAT_IF_E_MALFORMED;
        for (size_t i = 0; i < n_bits; i++) {
                uint16_t bit = (uint16_t)(1U << (n_bits - 1 - i));

                if (spec[i] == '1')
                        on |= bit;
                else if (spec[i] == '0')
                        off |= bit;
                else if (spec[i] != 'x')
                        return WHAT_IF_E_MALFORMED;
        }
        memcpy(text, spec + n_bits + 1, n - n_bits - 1);
        if (!bdf_parse(text, &bdf))
                return WHAT_IF_E_MALFORMED;

        index = snapshot_find(snapshot, bdf);
        if (index == SNAPSHOT_NONE)
                return WHAT_IF_E_NO_DEVICE;
        device = &snapshot->devices[index];
        if (device->facts.acs.present != TRISTATE_YES)
                return WHAT_IF_E_NO_ACS;
        set_acs(device, on, off);
        return 0;
}

int what_if_acs(const Snapshot *snapshot, const char *spec, Snapshot **ret_snapshot)
{
        _cleanup_(snapshot_freep) Snapshot *copy = NULL;
        int r = snapshot_copy(snapshot, &copy);

        if (r < 0)
                return r;
        for (;;) {
                size_t n = strcspn(spec, ";");

                r = apply_acs(copy, spec, n);
                if (r != 0)
                        return r;
                if (spec[n] == '\0')
                        break;
                spec += n + 1;
        }
        r = snapshot_finish(copy);
        if (r < 0)
                return r;
        *ret_snapshot = TAKE_PTR(copy);
        return 0;
}

/* Is it a list of the words of pcie_acs_override=? */
static bool is_override(const char *words)
{
        while (*words) {
                size_t n = strcspn(words, ",");

                if (!(n == 10 && strncmp(words, "downstream", n) == 0) &&
                    !(n == 13 && strncmp(words, "multifunction", n) == 0) &&
                    !(n == 12 && strncmp(words, "id:", 3) == 0 && words[7] == ':'))
                        return false;
                words += n;
                if (*words == ',' && words[1])
                        words++;
                else if (*words)
                        return false;
        }
        return true;
}

int what_if_override(const Snapshot *snapshot, const char *words, Snapshot **ret_snapshot)
{
        _cleanup_(snapshot_freep) Snapshot *copy = NULL;
        int r;

        if (!*words || !is_override(words))
                return WHAT_IF_E_NO_OVERRIDE;
        r = snapshot_copy(snapshot, &copy);
        if (r < 0)
                return r;
        (void)compare_apply_override(copy, words);
        *ret_snapshot = TAKE_PTR(copy);
        return 0;
}

/* The first free device number on the bus of the port; a link has but one. */
static int find_place(const Snapshot *snapshot, size_t port, Bdf *ret_place)
{
        _cleanup_(freep) bool *chosen = calloc(snapshot->n_devices + 1, sizeof(*chosen));
        bool used[N_BUSES] = {false};
        int r;

        if (!chosen)
                return -ENOMEM;
        *ret_place = (Bdf){.domain = snapshot->devices[port].bdf.domain};
        mark_buses(snapshot, ret_place->domain, chosen, used);
        r = find_target_bus(snapshot, port, chosen, used, &ret_place->bus);
        if (r != 0)
                return r;
        for (unsigned device = 0; device < 32; device++) {
                ret_place->devfn = (uint8_t)(device << 3);
                if (snapshot_find(snapshot, *ret_place) == SNAPSHOT_NONE)
                        return 0;
                if (is_link(&snapshot->devices[port]))
                        break;
        }
        return WHAT_IF_E_OCCUPIED;
}

static PciDevice plain_card(const PciDevice *port, Bdf bdf)
{
        PciDevice card = {
                .bdf = bdf,
                .ids.class_code = 0xff0000, /* PCI Code and ID Assignment 1.1: unassigned */
                .place.parent_bdf = port->bdf,
                .place.has_parent = true,
                .place.root_bus = port->place.root_bus,
                .place.root_domain = port->place.root_domain,
                .place.real_dma_bdf = port->place.real_dma_bdf,
                .place.has_real_dma = port->place.has_real_dma,
                .kernel_group = -1,
                .sysfs.iommu_kind = port->sysfs.iommu_kind,
        };
        PciFacts *facts = &card.facts;

        memcpy(card.sysfs.iommu, port->sysfs.iommu, sizeof(card.sysfs.iommu));
        facts->present = facts->header_known = TRISTATE_YES;
        facts->pcie = tristate_from_bool(is_link(port));
        facts->pcie_type = PCIE_TYPE_ENDPOINT;
        facts->acs.present = facts->caps.sriov = facts->caps.ari = facts->serial = TRISTATE_NO;
        facts->caps.ats = facts->caps.ats_enabled = facts->caps.pri = facts->caps.pasid =
                facts->caps.flr = TRISTATE_NO;
        facts->buses_known = facts->pch_redirect = facts->caps.hotplug_slot = TRISTATE_NO;
        return card;
}

/* The kernel keeps its groups and only finds the group of the new device. */
static int join_kernel_group(Snapshot *snapshot, size_t card)
{
        PciDevice *device = &snapshot->devices[card];
        int32_t last = -1;
        int r;

        if (device->parent == SNAPSHOT_NONE || snapshot->devices[device->parent].kernel_group < 0)
                return 0;
        r = kernel_groups_predict(snapshot, card, &device->kernel_group, NULL);
        if (r < 0 || device->kernel_group >= 0)
                return r;
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (snapshot->devices[i].kernel_group > last)
                        last = snapshot->devices[i].kernel_group;
        device->kernel_group = last < INT32_MAX ? last + 1 : last;
        return 0;
}

int what_if_add(const Snapshot *snapshot, Bdf port_bdf, Snapshot **ret_snapshot, Bdf *ret_card)
{
        _cleanup_(snapshot_freep) Snapshot *copy = NULL;
        size_t port = snapshot_find(snapshot, port_bdf);
        PciDevice card;
        Bdf place;
        int r;

        if (port == SNAPSHOT_NONE)
                return WHAT_IF_E_NO_DEVICE;
        if (!can_hold_cards(&snapshot->devices[port]))
                return WHAT_IF_E_NO_PORT;
        r = find_place(snapshot, port, &place);
        if (r != 0)
                return r;
        r = snapshot_copy(snapshot, &copy);
        if (r < 0)
                return r;
        card = plain_card(&snapshot->devices[port], place);
        r = snapshot_add(copy, &card);
        if (r == 0)
                r = snapshot_finish(copy);
        if (r == 0)
                r = join_kernel_group(copy, snapshot_find(copy, place));
        if (r < 0)
                return r;
        *ret_snapshot = TAKE_PTR(copy);
        if (ret_card)
                *ret_card = place;
        return 0;
}

int what_if_remove(const Snapshot *snapshot, Bdf function, Snapshot **ret_snapshot)
{
        _cleanup_(snapshot_freep) Snapshot *copy = NULL;
        _cleanup_(freep) bool *chosen = calloc(snapshot->n_devices + 1, sizeof(*chosen));
        size_t index = snapshot_find(snapshot, function);
        int r;

        if (!chosen)
                return -ENOMEM;
        if (index == SNAPSHOT_NONE)
                return WHAT_IF_E_NO_DEVICE;
        r = snapshot_copy(snapshot, &copy);
        if (r < 0)
                return r;

        chosen[index] = true;
        choose_below(snapshot, chosen);
        copy->n_devices = 0;
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (!chosen[i])
                        copy->devices[copy->n_devices++] = snapshot->devices[i];
        r = snapshot_finish(copy);
        if (r < 0)
                return r;
        *ret_snapshot = TAKE_PTR(copy);
        return 0;
}

const char *what_if_error_to_string(int error)
{
        static const char *const texts[_WHAT_IF_N] = {
                [WHAT_IF_E_NO_DEVICE] = "no function has that address",
                [WHAT_IF_E_NO_CARD] =
                        "it is on a root bus, so it is part of the machine and not a card",
                [WHAT_IF_E_NO_PORT] = "it has no bus below it for a card",
                [WHAT_IF_E_LOOP] = "the port is on the card itself",
                [WHAT_IF_E_OCCUPIED] = "the port already has a device below it",
                [WHAT_IF_E_NO_BUS] = "no bus number is left",
                [WHAT_IF_E_NO_ACS] = "it has no known ACS capability",
                [WHAT_IF_E_MALFORMED] = "the form is BITS@ADDRESS, as in 1x0@0000:00:1c.0",
                [WHAT_IF_E_NO_OVERRIDE] =
                        "the words are downstream, multifunction and id:VVVV:DDDD, joined "
                        "by commas",
        };

        return error > 0 && error < _WHAT_IF_N ? texts[error] : "";
}
