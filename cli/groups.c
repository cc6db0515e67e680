/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * All groups, as one of three partitions: `kernel`, what is enforced (the kernel's groups, and
 * where a machine has none the ones its rules would give); `computed`, the kernel's rules replayed;
 * `observed`, only what the kernel's own links say.
 */

#include <stdlib.h>
#include <string.h>

#include "cli/document.h"
#include "cli/text.h"

/* A device that belongs to `group`; the members of a group are neighbours once sorted. */
typedef struct Member {
        const char *group;
        size_t rank; /* of the device in the host's list, which is sorted by address */
        const iso_device *device;
} Member;

typedef struct Partition {
        Member *members;
        size_t n;
} Partition;

static void partition_deinit(Partition *partition)
{
        free(partition->members);
}

static int compare_members(const void *a, const void *b)
{
        const Member *left = a, *right = b;
        int order = strcmp(left->group, right->group);

        if (order != 0)
                return order;
        return (left->rank > right->rank) - (left->rank < right->rank);
}

static void read_partition(const iso_host *host, const char *name, Partition *ret)
{
        bool computed = strcmp(name, "computed") == 0, observed = strcmp(name, "observed") == 0;
        const iso_device *devices;
        Partition partition = {0};
        size_t n;

        devices = iso_host_devices(host, &n);
        partition.members = must(calloc(n + 1, sizeof(*partition.members)));
        for (size_t i = 0; i < n; i++) {
                const char *group = computed ? devices[i].computed_group : devices[i].group;

                if (!*group || (observed && devices[i].kernel_group < 0))
                        continue;
                partition.members[partition.n++] = (Member){group, i, &devices[i]};
        }
        if (partition.n > 0)
                qsort(partition.members, partition.n, sizeof(*partition.members), compare_members);
        *ret = partition;
}

/* How many members the group starting at `first` has. */
static size_t group_length(const Partition *partition, size_t first)
{
        const Member *members = partition->members;
        size_t n = 1;

        while (first + n < partition->n &&
               strcmp(members[first].group, members[first + n].group) == 0)
                n++;
        return n;
}

/* The kernel's number if all members share it, or -1. */
static int group_number(const Member *members, size_t n)
{
        for (size_t i = 1; i < n; i++)
                if (members[i].device->kernel_group != members[0].device->kernel_group)
                        return -1;
        return members[0].device->kernel_group;
}

static int print_json(const Partition *partition, const char *name)
{
        json_object *document = json_document("groups"), *groups;

        json_add_text(document, "partition", name);
        groups = json_add_array(document, "groups");
        for (size_t i = 0, n; i < partition->n; i += n) {
                const Member *members = partition->members + i;
                json_object *group = must(json_object_new_object()), *devices;

                n = group_length(partition, i);
                json_add_text(group, "id", members->group);
                json_add_number(group, "kernel_group", group_number(members, n), 0);
                devices = json_add_array(group, "devices");
                for (size_t k = 0; k < n; k++)
                        (void)json_append(devices,
                                          must(json_object_new_string(members[k].device->address)));
                (void)json_append(groups, group);
        }
        json_print(document);
        return EXIT_DONE;
}

static int print_text(const Partition *partition)
{
        _cleanup_(table_deinit) Table table = {.n_columns = 3};

        table_add(&table, "GROUP");
        table_add(&table, "KERNEL");
        table_add(&table, "DEVICES");
        for (size_t i = 0, n; i < partition->n; i += n) {
                const Member *members = partition->members + i;
                _cleanup_(free_text) char *addresses = NULL;
                const char **list;
                int number;

                n = group_length(partition, i);
                number = group_number(members, n);
                list = must(calloc(n + 1, sizeof(*list)));
                for (size_t k = 0; k < n; k++)
                        list[k] = members[k].device->address;
                addresses = join_texts(list, " ");
                free(list);

                table_add(&table, "%s", members->group);
                if (number >= 0)
                        table_add(&table, "%d", number);
                else
                        table_add(&table, "%s", "");
                table_add(&table, "%s", addresses);
        }
        table_print(&table, "");
        return EXIT_DONE;
}

static int run_groups(Invocation *invocation)
{
        const char *name = invocation->partition ? invocation->partition : "kernel";
        _cleanup_(partition_deinit) Partition partition = {0};

        if (strcmp(name, "kernel") != 0 && strcmp(name, "computed") != 0 &&
            strcmp(name, "observed") != 0)
                return fail_usage(invocation,
                                  "there is no partition '%s', but kernel, computed and observed",
                                  name);
        note_obstacle(invocation->host);
        read_partition(invocation->host, name, &partition);
        return invocation->json ? print_json(&partition, name) : print_text(&partition);
}

const Verb verb_groups = {
        .name = "groups",
        .arguments = "",
        .summary = "all groups and their devices",
        .help = "--partition kernel    what is enforced: the kernel's groups (the default)\n"
                "--partition computed  the kernel's rules replayed, to be compared with it\n"
                "--partition observed  only what the kernel's iommu_group links say\n",
        .options = OPTION_FROM | OPTION_PARTITION,
        .host = VERB_HOST_ANY,
        .run = run_groups,
};
