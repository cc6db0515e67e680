/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The ports that cards can be plugged into: what is below each, and which devices a card there
 * would share its group with, the best first.
 */

#include <stdio.h>
#include <string.h>

#include "cli/document.h"
#include "cli/remedy.h"
#include "cli/text.h"

/* The addresses of the devices directly below a port, NULL-terminated and borrowed; freed by
 * free(). */
static const char **children_of(const iso_host *host, const iso_device *port)
{
        const iso_device *devices;
        const char **children;
        size_t n, n_children = 0;

        devices = iso_host_devices(host, &n);
        children = must(calloc(n + 1, sizeof(*children)));
        for (size_t i = 0; i < n; i++)
                if (strcmp(devices[i].parent, port->address) == 0)
                        children[n_children++] = devices[i].address;
        return children;
}

static void print_json(const Invocation *invocation, const iso_device *card, const Slots *slots)
{
        static const char *const nobody[] = {NULL};
        json_object *document = json_document("slots"), *array;

        json_add_optional(document, "card", card ? card->address : "");
        array = json_add_array(document, "slots");
        for (size_t i = 0; i < slots->n; i++) {
                const Slot *slot = &slots->items[i];
                json_object *object = json_append(array, must(json_object_new_object()));
                const char **below = children_of(invocation->host, slot->port);

                json_add_text(object, "port", slot->port->address);
                json_add_optional(object, "slot", iso_host_port_slot(invocation->host, slot->port));
                json_add_bool(object, "free", slot->is_free);
                json_add_list(object, "below", below);
                if (slot->is_known)
                        json_add_list(object, "shared",
                                      slot->shared ? (const char *const *)slot->shared : nobody);
                else
                        json_add_optional(object, "shared", "");
                free(below);
        }
        json_print(document);
}

static void add_below(Table *table, iso_host *host, const Slot *slot)
{
        const char **below = children_of(host, slot->port);
        const iso_device *first = below[0] ? device_find(host, below[0]) : NULL;
        _cleanup_(free_text) char *name = first ? device_describe(host, first) : NULL;

        if (first)
                table_add(table, "%s %s", first->address, name);
        else
                table_add(table, "%s", slot->is_free ? "free" : "nothing");
        free(below);
}

static void print_text(const Invocation *invocation, const Slots *slots)
{
        static const char *const names[] = {"PORT", "SLOT", "BELOW IT", "A CARD THERE SHARES WITH",
                                            NULL};
        _cleanup_(table_deinit) Table table = {.without_header = invocation->without_legend,
                                               .flexible = 1U << 2,
                                               .optional = 1U << 1};

        table_header(&table, names);
        for (size_t i = 0; i < slots->n; i++) {
                const Slot *slot = &slots->items[i];

                table_add(&table, "%s", slot->port->address);
                table_add(&table, "%s", iso_host_port_slot(invocation->host, slot->port));
                add_below(&table, invocation->host, slot);
                if (!slot->is_known) {
                        table_add(&table, "%s", "");
                } else if (slot->n_shared == 0) {
                        table_add(&table, "nobody");
                } else {
                        _cleanup_(free_text) char *shared =
                                join_texts((const char *const *)slot->shared, " ");

                        table_add(&table, "%s", shared);
                }
        }
        table_print(&table, "");
}

static int run_slots(Invocation *invocation)
{
        _cleanup_(slots_deinit) Slots slots = {.n = 0};
        const iso_device *card = NULL;
        const iso_group *group;
        int r;

        if (invocation->n_arguments == 1) {
                r = iso_host_resolve(invocation->host, invocation->arguments[0], &card, &group);
                if (r != 0)
                        return fail_host(invocation, r);
                if (!card)
                        return fail_usage(invocation, "%s is a group: name a card",
                                          invocation->arguments[0]);
                if (!*card->parent)
                        return fail_refusal(invocation, ISO_E_INVALID,
                                            "%s is on a root bus: it is part of the machine and "
                                            "cannot be moved",
                                            card->address);
        }
        r = slots_find(invocation->host, card, ANY_NUMBER, &slots);
        if (r != 0)
                return fail_host(invocation, r);
        if (invocation->json)
                print_json(invocation, card, &slots);
        else
                print_text(invocation, &slots);
        return EXIT_DONE;
}

const Verb verb_slots = {
        .name = "slots",
        .arguments = "[CARD]",
        .summary = "show where a card would be isolated best",
        .help = "The ports of the machine, free ones first, those that isolate best before "
                "others:\n"
                "with which devices a card there would share its group. CARD is a function of a\n"
                "card to be moved; without it, the card is one plain function. The groups are\n"
                "those that the kernel's rules give. A port need not have a slot on the board.\n",
        .options = OPTION_FROM,
        .max_arguments = 1,
        .host = VERB_HOST_FILE,
        .run = run_slots,
};
