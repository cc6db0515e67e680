/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One group: its members, its guard and its lease. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/document.h"
#include "cli/strength.h"
#include "cli/text.h"

/* Addresses that an owner must not map. A copied machine and an older daemon provide none. */
typedef struct Regions {
        const iso_region *items;
        size_t n;
} Regions;

static void add_regions(json_object *object, const Regions *regions)
{
        json_object *array;

        if (regions->n == 0)
                return;
        array = json_add_array(object, "reserved_regions");
        for (size_t i = 0; i < regions->n; i++) {
                json_object *region = json_append(array, must(json_object_new_object()));
                _cleanup_(free_text) char *start =
                        must_format("0x%" PRIx64, regions->items[i].start);
                _cleanup_(free_text) char *end = must_format("0x%" PRIx64, regions->items[i].end);

                json_add_text(region, "start", start);
                json_add_text(region, "end", end);
                json_add_text(region, "kind", regions->items[i].kind);
        }
}

static void print_regions(const Regions *regions)
{
        if (regions->n > 0)
                (void)printf("\nReserved regions\n");
        for (size_t i = 0; i < regions->n; i++)
                (void)printf("  0x%" PRIx64 "-0x%" PRIx64 " %s\n", regions->items[i].start,
                             regions->items[i].end, regions->items[i].kind);
}

static int print_json(iso_host *host, const iso_group *group, const Strengths *strengths,
                      const Regions *regions)
{
        const iso_lease *lease = group->lease > 0 ? lease_find(host, group->lease) : NULL;
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
        json_add_number(object, "waiters", group->n_waiters, 0);
        if (lease)
                json_add_text(object, "address_space", lease->address_space);
        devices = json_add_array(object, "devices");
        for (size_t i = 0; i < group->n_devices; i++) {
                const iso_device *device = device_find(host, group->devices[i]);

                if (device)
                        (void)json_append(devices, json_device(host, device));
        }
        json_add_strengths(object, strengths);
        add_regions(object, regions);
        json_print(document);
        return EXIT_DONE;
}

/* Prints the facts that hold for all groups of the lease. */
static void print_lease(const iso_lease *lease)
{
        _cleanup_(free_text) char *nodes = join_texts(lease->nodes, " ");
        bool many = lease->groups[0] && lease->groups[1];

        (void)printf("Lease %u: mode %s; ", lease->id, lease->mode);
        if (strcmp(lease->address_space, "owner") == 0)
                (void)printf("its owner makes the I/O address spaces");
        else
                (void)printf("%s one I/O address space", many ? "its groups share" : "it has");
        if (strcmp(lease->accounting, "process") == 0)
                (void)printf("; the kernel counts pinned memory for each process that maps it");
        if (*nodes)
                (void)printf("; nodes to open: %s", nodes);
        (void)printf(".\n");
        for (size_t i = 0; i < lease->n_faults; i++)
                (void)printf("%s caused IOMMU faults: the kernel reported %" PRIu64 ", the last at "
                             "0x%" PRIx64 ".\n",
                             lease->faults[i].device, lease->faults[i].count,
                             lease->faults[i].address);
}

static void print_heading(const iso_host *host, const iso_group *group)
{
        const iso_lease *lease = group->lease > 0 ? lease_find(host, group->lease) : NULL;

        (void)printf("Group %s", group->id);
        if (group->kernel_group >= 0)
                (void)printf(" · kernel group %d", group->kernel_group);
        if (*group->type)
                (void)printf(" · type %s", group->type);
        (void)printf(" · guard %s · %s", group->guard, group->state);
        if (group->lease > 0)
                (void)printf(" (lease %u)", group->lease);
        if (group->n_waiters > 0)
                (void)printf(" · %u waiting", group->n_waiters);
        (void)printf("\n");
        /* The guard of an unleased group has no evidence. */
        if (group->lease > 0 && *group->guard_evidence)
                (void)printf("Guard: %s.\n", group->guard_evidence);
        if (lease)
                print_lease(lease);
        if (lease && *lease->trouble)
                (void)printf("Trouble: %s.\n", lease->trouble);
}

static void print_members(iso_host *host, const iso_group *group)
{
        _cleanup_(table_deinit) Table table = {.n_columns = 5, .flexible = 1U << 1};

        for (size_t i = 0; i < group->n_devices; i++) {
                const iso_device *device = device_find(host, group->devices[i]);

                if (!device)
                        continue;
                table_add_device(&table, host, device);
                table_add(&table, "%s", device->state);
        }
        table_print(&table, "  ");
}

static int run_show(Invocation *invocation)
{
        iso_host *host = invocation->host;
        Strengths strengths = {0};
        Regions regions = {0};
        const iso_group *group;
        int r;

        r = find_group(invocation, invocation->arguments[0], &group);
        if (r != EXIT_DONE)
                return r;
        r = strengths_read(host, group, &strengths);
        if (r != 0)
                return fail_host(invocation, r);
        r = iso_host_regions(host, group, &regions.items, &regions.n);
        if (r != 0 && r != ISO_E_UNSUPPORTED)
                return fail_host(invocation, r);
        if (invocation->json)
                return print_json(host, group, &strengths, &regions);

        print_heading(host, group);
        print_members(host, group);
        print_strengths(&strengths, NULL);
        print_regions(&regions);
        return EXIT_DONE;
}

const Verb verb_show = {
        .name = "show",
        .arguments = "SELECTOR",
        .summary = "show one group: members, guard, lease",
        .help = "SELECTOR names a device or a group: 01:00.0, 0000:00/1c.4, group:5, enp3s0.\n"
                "Lists each bit of the group's strength with its evidence.\n",
        .options = OPTION_FROM,
        .min_arguments = 1,
        .max_arguments = 1,
        .host = VERB_HOST_ANY,
        .run = run_show,
};
