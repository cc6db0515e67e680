/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * All groups: those in force, or one of three partitions. `kernel` replays the kernel's rules,
 * `observed` follows its iommu_group links, `sound` joins all devices that can reach each other
 * past the IOMMU.
 */

#include <string.h>

#include "cli/document.h"
#include "cli/text.h"

typedef struct Listing {
        const char *partition; /* its name */
        const iso_group *groups;
        size_t n;
        bool without_legend;
} Listing;

static int print_json(const Listing *listing)
{
        bool sound = strcmp(listing->partition, "sound") == 0;
        json_object *document = json_document("groups"), *groups;

        json_add_text(document, "partition", listing->partition);
        groups = json_add_array(document, "groups");
        for (size_t i = 0; i < listing->n; i++) {
                const iso_group *group = &listing->groups[i];
                json_object *object = must(json_object_new_object());

                json_add_text(object, "id", group->id);
                json_add_number(object, "kernel_group", group->kernel_group, 0);
                json_add_list(object, "devices", group->devices);
                if (sound) {
                        json_add_list(object, "assumes", group->assumes);
                        json_add_bool(object, "spoofable", group->spoofable);
                }
                (void)json_append(groups, object);
        }
        json_print(document);
        return EXIT_DONE;
}

static int print_text(const Listing *listing)
{
        static const char *const names[] = {"GROUP", "KERNEL", "DEVICES", NULL};
        _cleanup_(table_deinit) Table table = {.without_header = listing->without_legend};

        table_header(&table, names);
        for (size_t i = 0; i < listing->n; i++) {
                const iso_group *group = &listing->groups[i];
                _cleanup_(free_text) char *addresses = join_texts(group->devices, " ");

                table_add(&table, "%s", group->id);
                if (group->kernel_group >= 0)
                        table_add(&table, "%d", group->kernel_group);
                else
                        table_add(&table, "%s", "");
                table_add(&table, "%s", addresses);
        }
        table_print(&table, "");
        return EXIT_DONE;
}

/* Names the groups in force: the kernel's or, if it has none, those that its rules give. */
static const char *partition_in_force(const iso_host *host)
{
        const iso_device *devices;
        size_t n;

        devices = iso_host_devices(host, &n);
        for (size_t i = 0; i < n; i++)
                if (devices[i].kernel_group >= 0)
                        return "observed";
        return "kernel";
}

static int run_groups(Invocation *invocation)
{
        Listing listing = {.partition = invocation->partition,
                           .without_legend = invocation->without_legend};
        int r;

        if (listing.partition && strcmp(listing.partition, "sound") == 0) {
                int code = use_tree(invocation);

                if (code != EXIT_DONE)
                        return code;
        }
        note_obstacle(invocation->host);
        if (!listing.partition)
                listing.partition = partition_in_force(invocation->host);
        r = iso_host_partition(invocation->host, listing.partition, &listing.groups, &listing.n);
        if (r == ISO_E_INVALID)
                return fail_usage(invocation, "%s", iso_host_message(invocation->host));
        if (r != 0)
                return fail_host(invocation, r);
        return invocation->json ? print_json(&listing) : print_text(&listing);
}

const Verb verb_groups = {
        .name = "groups",
        .arguments = "",
        .summary = "list all groups and their devices",
        .help = "--partition observed  the groups of the kernel's iommu_group links\n"
                "--partition kernel    the groups that the kernel's rules give, for comparison\n"
                "--partition sound     groups that no path past the IOMMU leaves (reads /sys)\n"
                "Without --partition: the groups in force, which are the observed groups if the\n"
                "kernel has any.\n",
        .options = OPTION_FROM | OPTION_PARTITION,
        .host = VERB_HOST_ANY,
        .reading = ISO_OPEN_WITHOUT_DRIVERS,
        .run = run_groups,
};
