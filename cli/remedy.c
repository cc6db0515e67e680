/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Every try is a whole machine in memory, grouped by the kernel's rules. A moved card may get other
 * bus numbers, so members of its new group are found by their stable ids.
 */

#include "cli/remedy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/suppose.h"
#include "cli/text.h"

#define PORTS_MAX 8      /* ports whose ACS is tried, alone and all together */
#define BITS_P2P "111x1" /* UF, CR, RR and SV on, TB unchanged */

static void slot_clear(Slot *slot)
{
        for (size_t i = 0; i < slot->n_shared; i++)
                free(slot->shared[i]);
        free(slot->shared);
}

void slots_deinit(Slots *slots)
{
        for (size_t i = 0; i < slots->n; i++)
                slot_clear(&slots->items[i]);
        free(slots->items);
}

void switch_deinit(Switch *change)
{
        free(change->spec);
        free(change->obstacle);
}

static bool is_of_card(const char *id, const char *card_id)
{
        const char *end = strrchr(card_id, '.');

        /* All functions of the card, and what is below them. */
        return end && strncmp(id, card_id, (size_t)(end - card_id) + 1) == 0;
}

/* Adds the members of the card's group that are neither on the card nor ports above it. */
static void add_shared(iso_host *host, const Supposition *supposition, const iso_device *card,
                       Slot *slot)
{
        const iso_group *group = group_find(supposition->host, card->group);

        slot->is_known = group != NULL;
        for (size_t i = 0; group && i < group->n_devices; i++) {
                const iso_device *member = device_find(supposition->host, group->devices[i]);
                const iso_device *here;

                if (!member || is_of_card(member->id, card->id) ||
                    device_is_below(supposition->host, card, member->address))
                        continue;
                here = device_find_id(host, member->id);
                slot->shared = must(reallocarray(slot->shared, slot->n_shared + 2, sizeof(char *)));
                slot->shared[slot->n_shared++] =
                        must_format("%s", here ? here->address : member->address);
                slot->shared[slot->n_shared] = NULL;
        }
}

/* Returns 0, also if the change is impossible, ISO_E_UNSUPPORTED, or -errno. */
static int try_slot(iso_host *host, const iso_device *card, Slot *slot)
{
        _cleanup_(supposition_deinit) Supposition supposition = {.host = NULL};
        const iso_device *there = NULL;
        int r;

        if (card) {
                r = iso_host_what_if_move(host, card, slot->port, &supposition.host);
                if (r == 0) {
                        suppose_moved(&supposition, card, slot->port);
                        there = suppose_find(&supposition, card);
                }
        } else {
                r = iso_host_what_if_add(host, slot->port, &supposition.host, &there);
        }
        slot->is_free = r == 0;
        if (there)
                add_shared(host, &supposition, there, slot);
        return r == ISO_E_INVALID ? 0 : r;
}

static int compare_slots(const void *a, const void *b)
{
        const Slot *left = a, *right = b;

        if (left->is_free != right->is_free)
                return left->is_free ? -1 : 1;
        if (left->n_shared != right->n_shared)
                return left->n_shared < right->n_shared ? -1 : 1;
        return strcmp(left->port->address, right->port->address);
}

int slots_find(iso_host *host, const iso_device *card, size_t most, Slots *ret)
{
        const iso_device *devices;
        size_t n, n_made = 0;
        int r = 0;

        devices = iso_host_devices(host, &n);
        ret->items = must(calloc(n + 1, sizeof(*ret->items)));
        for (size_t i = 0; r == 0 && i < n; i++) {
                if (!device_is_bridge(&devices[i]))
                        continue;
                ret->items[ret->n] = (Slot){.port = &devices[i]};
                if (n_made == most) {
                        ret->n_untried++;
                        continue;
                }
                r = try_slot(host, card, &ret->items[ret->n]);
                n_made += ret->items[ret->n++].is_free;
        }
        if (r == 0 && ret->n > 0)
                qsort(ret->items, ret->n, sizeof(*ret->items), compare_slots);
        return r;
}

/* Does this change separate the device from the others? */
static int try_switch(iso_host *host, const iso_device *device, const char *const *others,
                      const char *spec, bool *ret_separates)
{
        _cleanup_(supposition_deinit) Supposition supposition = {.host = NULL};
        const iso_device *then;
        int r = iso_host_what_if_acs(host, spec, &supposition.host);

        *ret_separates = false;
        if (r != 0)
                return r;
        then = device_find(supposition.host, device->address);
        if (!then)
                return 0;
        *ret_separates = true;
        for (; *others; others++) {
                const iso_device *other = device_find(supposition.host, *others);

                if (other && strcmp(other->group, then->group) == 0)
                        *ret_separates = false;
        }
        return 0;
}

/* Collects the ports at which bits are missing, each once. */
static size_t collect_ports(const iso_reason *reasons, size_t n, const char **ports)
{
        size_t n_ports = 0;

        for (size_t i = 0; i < n && n_ports < PORTS_MAX; i++) {
                bool is_new = *reasons[i].at && reasons[i].missing[0];

                for (size_t k = 0; k < n_ports; k++)
                        is_new &= strcmp(ports[k], reasons[i].at) != 0;
                if (is_new)
                        ports[n_ports++] = reasons[i].at;
        }
        return n_ports;
}

int switch_find(iso_host *host, const iso_device *device, const char *const *others,
                const iso_reason *reasons, size_t n_reasons, Switch *ret)
{
        const char *ports[PORTS_MAX];
        size_t n = collect_ports(reasons, n_reasons, ports), n_possible = 0;
        _cleanup_(free_text) char *all = must_format("%s", "");

        for (size_t i = 0; i < n; i++) {
                char *spec = must_format("%s@%s", BITS_P2P, ports[i]), *longer;
                bool separates;
                int r = try_switch(host, device, others, spec, &separates);

                if (r == 0 && separates) {
                        ret->spec = spec;
                        return 0;
                }
                if (r == 0) {
                        longer = must_format("%s%s%s", all, n_possible++ > 0 ? ";" : "", spec);
                        free(all);
                        all = longer;
                } else if (r == ISO_E_INVALID && !ret->obstacle) {
                        ret->obstacle = must_format("%s has no ACS capability", ports[i]);
                }
                free(spec);
                if (r != 0 && r != ISO_E_INVALID)
                        return r;
        }
        if (n_possible > 1) {
                bool separates;
                int r = try_switch(host, device, others, all, &separates);

                if (r == 0 && separates)
                        ret->spec = must_format("%s", all);
                return r;
        }
        return 0;
}
