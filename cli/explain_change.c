/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What would change the answer of explain: another slot for the card, ACS control at boot, or
 * nothing. Only a copy of the machine, or root on this one, can be searched.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/document.h"
#include "cli/explain.h"
#include "cli/output.h"
#include "cli/text.h"

#define SLOTS_SHOWN 3
#define TRIES_MAX 64 /* machines with the card in another slot */

void change_deinit(Change *change)
{
        slots_deinit(&change->slots);
        switch_deinit(&change->acs);
        free(change->others);
        change->tree = iso_host_free(change->tree);
}

/*
 * Is it a function of the same card, or a port above it? Neither can be separated from the device.
 */
static bool belongs(const iso_host *host, const iso_device *device, const iso_device *member)
{
        if (device_shares_card(device, member))
                return *device->parent != '\0';
        return device_is_below(host, device, member->address);
}

static void collect_others(const Question *question, Change *change)
{
        const iso_group *group = question->group;
        size_t n = 0;

        change->others = must(calloc(group->n_devices + 2, sizeof(*change->others)));
        if (question->b) {
                change->others[0] = question->b->address;
                return;
        }
        for (size_t i = 0; i < group->n_devices; i++) {
                const iso_device *member = device_find(question->host, group->devices[i]);

                if (member && member != question->a &&
                    !belongs(question->host, question->a, member))
                        change->others[n++] = member->address;
        }
}

static int search(iso_host *host, const iso_device *device, const iso_reason *reasons,
                  size_t n_reasons, Change *change)
{
        int r = 0;

        change->is_asked = true;
        if (*device->parent)
                r = slots_find(host, device, TRIES_MAX, &change->slots);
        return r != 0 ? r
                      : switch_find(host, device, change->others, reasons, n_reasons, &change->acs);
}

/*
 * The daemon only knows the machine as it is, so root's question is asked of a copy of it. Without
 * root most of the configuration space cannot be read, and every answer would be a guess.
 */
static int search_here(const Question *question, Change *change)
{
        const iso_reason *reasons = NULL;
        const iso_device *device;
        const iso_group *group;
        size_t n = 0;
        int r;

        if (geteuid() != 0 || iso_host_open_sysfs("/sys", &change->tree) != 0)
                return 0;
        device = device_find(change->tree, question->a->address);
        group = device ? group_find(change->tree, device->group) : NULL;
        if (!group || group->kernel_group != question->group->kernel_group)
                return 0;
        r = iso_host_reasons(change->tree, group, &reasons, &n);
        return r != 0 ? r : search(change->tree, device, reasons, n, change);
}

int change_find(const Question *question, Change *ret)
{
        int r;

        if (!question->a || !question->group || (question->b && !question->together))
                return 0;
        collect_others(question, ret);
        if (!ret->others[0])
                return 0;
        r = search(question->host, question->a, question->all, question->n_all, ret);
        if (r != ISO_E_UNSUPPORTED)
                return r;
        slots_deinit(&ret->slots);
        ret->slots = (Slots){.n = 0};
        ret->is_asked = false;
        return search_here(question, ret);
}

/* Would the card, below that port, be separated from what it is to be separated from? */
static bool helps(const Change *change, const Slot *slot)
{
        if (!slot->is_free || !slot->is_known)
                return false;
        for (size_t i = 0; i < slot->n_shared; i++)
                for (size_t k = 0; change->others[k]; k++)
                        if (strcmp(slot->shared[i], change->others[k]) == 0)
                                return false;
        return true;
}

json_object *change_json(const Change *change)
{
        json_object *array = must(json_object_new_array()), *object;

        for (size_t i = 0; i < change->slots.n; i++) {
                static const char *const nobody[] = {NULL};
                const Slot *slot = &change->slots.items[i];

                if (!helps(change, slot))
                        continue;
                object = json_append(array, must(json_object_new_object()));
                json_add_text(object, "change", "move");
                json_add_text(object, "port", slot->port->address);
                json_add_list(object, "shared",
                              slot->shared ? (const char *const *)slot->shared : nobody);
        }
        if (change->acs.spec) {
                object = json_append(array, must(json_object_new_object()));
                json_add_text(object, "change", "acs");
                json_add_text(object, "config_acs", change->acs.spec);
        }
        return array;
}

static void print_slot(const Question *question, const Slot *slot)
{
        iso_host *host = question->change.tree ?: question->host;
        const char *name = iso_host_port_slot(host, slot->port);
        _cleanup_(free_text) char *shared =
                slot->shared ? join_texts((const char *const *)slot->shared, " ") : NULL;

        (void)printf("  ·  move the card to the free port %s%s%s%s: its group there is ",
                     slot->port->address, *name ? " (slot " : "", name, *name ? ")" : "");
        if (shared)
                (void)printf("shared with %s\n", shared);
        else
                (void)printf("the card alone\n");
}

void change_print(const Question *question, const Change *change)
{
        size_t n = 0, n_useful = 0;

        if (!change->is_asked)
                return;
        print_heading("What would change it");
        for (size_t i = 0; i < change->slots.n; i++) {
                if (!helps(change, &change->slots.items[i]))
                        continue;
                n_useful++;
                if (n++ < SLOTS_SHOWN)
                        print_slot(question, &change->slots.items[i]);
        }
        if (n > SLOTS_SHOWN)
                (void)printf("  ·  or to one of %zu more ports: isoctl slots %s\n", n - SLOTS_SHOWN,
                             question->a->address);
        if (change->acs.spec)
                (void)printf("  ·  boot with pci=config_acs=%s (see the kernel's parameters; the "
                             "ports then redirect)\n",
                             change->acs.spec);
        else if (change->acs.obstacle)
                (void)printf("  ·  ACS cannot be switched on: %s\n", change->acs.obstacle);
        if (change->slots.n_untried > 0)
                (void)printf("  ·  %zu more ports were not tried: isoctl slots %s\n",
                             change->slots.n_untried, question->a->address);
        else if (n_useful == 0 && !change->acs.spec)
                (void)printf("  ·  nothing can: %s%s\n",
                             *question->a->parent ? "no free port separates it"
                                                  : "it is on a root bus, a part of the machine",
                             change->acs.obstacle ? "" : ", and no ACS control does");
}
