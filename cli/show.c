/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One group: its members, its guard, who has it. */

#include <stdio.h>

#include "cli/document.h"
#include "cli/text.h"

/* How strong its isolation is; an older daemon does not tell. */
typedef struct Strengths {
        const iso_strength *bits;
        size_t n;
} Strengths;

static void add_strengths(json_object *object, const Strengths *strengths)
{
        json_object *array;

        if (strengths->n == 0)
                return;
        array = json_add_array(object, "strength");
        for (size_t i = 0; i < strengths->n; i++) {
                json_object *bit = json_append(array, must(json_object_new_object()));

                json_add_text(bit, "bit", strengths->bits[i].bit);
                json_add_text(bit, "value", strengths->bits[i].value);
                json_add_text(bit, "text", strengths->bits[i].text);
        }
}

static void print_strengths(const Strengths *strengths)
{
        _cleanup_(table_deinit) Table table = {.n_columns = 3};

        if (strengths->n == 0)
                return;
        for (size_t i = 0; i < strengths->n; i++) {
                table_add(&table, "%s", strengths->bits[i].bit);
                table_add(&table, "%s", strengths->bits[i].value);
                table_add(&table, "%s", strengths->bits[i].text);
        }
        (void)printf("\nStrength\n");
        table_print(&table, "  ");
}

static int print_json(const iso_host *host, const iso_group *group, const Strengths *strengths)
{
        json_object *document = json_document("show");
        json_object *object = json_add(document, "group", must(json_object_new_object()));
        json_object *devices;

        json_add_text(object, "id", group->id);
        json_add_number(object, "kernel_group", group->kernel_group, 0);
        json_add_optional(object, "type", group->type);
        json_add_text(object, "guard", group->guard);
        if (*group->guard_evidence)
                json_add_text(object, "guard_evidence", group->guard_evidence);
        json_add_text(object, "state", group->state);
        json_add_number(object, "lease", group->lease, 1);
        devices = json_add_array(object, "devices");
        for (size_t i = 0; i < group->n_devices; i++) {
                const iso_device *device = device_find(host, group->devices[i]);

                if (device)
                        (void)json_append(devices, json_device(device));
        }
        add_strengths(object, strengths);
        json_print(document);
        return EXIT_DONE;
}

static void print_heading(const iso_group *group)
{
        (void)printf("Group %s", group->id);
        if (group->kernel_group >= 0)
                (void)printf(" · kernel group %d", group->kernel_group);
        if (*group->type)
                (void)printf(" · type %s", group->type);
        (void)printf(" · guard %s · %s", group->guard, group->state);
        if (group->lease > 0)
                (void)printf(" (lease %u)", group->lease);
        (void)printf("\n");
        /* Of a group that nobody has there is nothing to say. */
        if (group->lease > 0 && *group->guard_evidence)
                (void)printf("Guard: %s.\n", group->guard_evidence);
}

static void print_members(const iso_host *host, const iso_group *group)
{
        _cleanup_(table_deinit) Table table = {.n_columns = 5};

        for (size_t i = 0; i < group->n_devices; i++) {
                const iso_device *device = device_find(host, group->devices[i]);

                if (!device)
                        continue;
                table_add_device(&table, device);
                table_add(&table, "%s", device->state);
        }
        table_print(&table, "  ");
}

static int run_show(Invocation *invocation)
{
        iso_host *host = invocation->host;
        Strengths strengths = {0};
        const iso_device *device;
        const iso_group *group;
        int r;

        r = iso_host_resolve(host, invocation->arguments[0], &device, &group);
        if (r != 0)
                return fail_host(invocation, r);
        if (!group)
                return fail_refusal(invocation, ISO_E_NOT_FOUND,
                                    "%s is in no group: no IOMMU covers it", device->address);
        r = iso_host_strength(host, group, &strengths.bits, &strengths.n);
        if (r != 0 && r != ISO_E_UNSUPPORTED)
                return fail_host(invocation, r);
        if (invocation->json)
                return print_json(host, group, &strengths);

        print_heading(group);
        print_members(host, group);
        print_strengths(&strengths);
        return EXIT_DONE;
}

const Verb verb_show = {
        .name = "show",
        .arguments = "SELECTOR",
        .summary = "one group: members, guard, lease",
        .help = "SELECTOR names a device or a group: 01:00.0, 0000:00/1c.4, group:5, enp3s0.\n"
                "How strong its isolation is comes bit by bit, with the evidence.\n",
        .options = OPTION_FROM,
        .min_arguments = 1,
        .max_arguments = 1,
        .host = VERB_HOST_ANY,
        .run = run_show,
};
