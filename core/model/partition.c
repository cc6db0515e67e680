/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Building and freeing partitions.
 *
 * A group is known by its anchor, the topmost member: its path does not move when bus numbers do,
 * and no two devices share one.
 */

#include "core/model/partition.h"

#include "core/model/path.h"

#include <errno.h>
#include <string.h>

int reason_list_add(ReasonList *list, const Reason *reason)
{
        if (list->n_reasons == list->n_allocated) {
                size_t n = list->n_allocated ? list->n_allocated * 2 : 64;
                Reason *reasons = realloc(list->reasons, n * sizeof(*reasons));

                if (!reasons)
                        return -ENOMEM;
                list->reasons = reasons;
                list->n_allocated = n;
        }
        list->reasons[list->n_reasons++] = *reason;
        return 0;
}

size_t partition_find(size_t *above, size_t index)
{
        while (above[index] != index) {
                above[index] = above[above[index]];
                index = above[index];
        }
        return index;
}

Partition *partition_free(Partition *partition)
{
        if (!partition)
                return NULL;
        for (size_t i = 0; i < partition->n_groups; i++)
                free(partition->groups[i].id);
        free(partition->groups);
        free(partition->members);
        free(partition->reasons);
        free(partition->group_of);
        free(partition);
        return NULL;
}

/* The topmost member of each label, by label; SNAPSHOT_NONE for labels not in use. */
static void find_anchors(const Snapshot *snapshot, const size_t *labels, size_t *anchors)
{
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                size_t *anchor;

                if (labels[i] == SNAPSHOT_NONE)
                        continue;
                anchor = &anchors[labels[i]];
                if (*anchor == SNAPSHOT_NONE || path_compare(snapshot, i, *anchor) < 0)
                        *anchor = i;
        }
}

/* Numbers the groups in the order of their anchors and fills group_of. */
static int number_groups(const Snapshot *snapshot, const size_t *labels, size_t n_labels,
                         Partition *partition)
{
        _cleanup_(freep) size_t *anchors = calloc(n_labels + 1, sizeof(*anchors));
        _cleanup_(freep) size_t *numbers = calloc(n_labels + 1, sizeof(*numbers));
        size_t n_groups = 0;

        if (!anchors || !numbers)
                return -ENOMEM;
        for (size_t i = 0; i < n_labels; i++)
                anchors[i] = SNAPSHOT_NONE;
        find_anchors(snapshot, labels, anchors);
        for (size_t i = 0; i < n_labels; i++)
                n_groups += anchors[i] != SNAPSHOT_NONE;

        partition->groups = calloc(n_groups + 1, sizeof(*partition->groups));
        partition->group_of = calloc(snapshot->n_devices + 1, sizeof(*partition->group_of));
        if (!partition->groups || !partition->group_of)
                return -ENOMEM;
        partition->n_devices = snapshot->n_devices;

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                if (labels[i] == SNAPSHOT_NONE || anchors[labels[i]] != i)
                        continue;
                numbers[labels[i]] = partition->n_groups;
                partition->groups[partition->n_groups++].anchor = i;
        }
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                partition->group_of[i] =
                        labels[i] != SNAPSHOT_NONE ? numbers[labels[i]] : SNAPSHOT_NONE;
                if (labels[i] != SNAPSHOT_NONE)
                        partition->groups[numbers[labels[i]]].n_members++;
        }
        return 0;
}

/* Members and reasons of all groups are one block each: a machine has many groups of one device. */
static int fill_members(const Snapshot *snapshot, Partition *partition)
{
        size_t *next;

        partition->members = calloc(snapshot->n_devices + 1, sizeof(*partition->members));
        if (!partition->members)
                return -ENOMEM;
        next = partition->members;
        for (size_t g = 0; g < partition->n_groups; g++) {
                Group *group = &partition->groups[g];

                group->members = next;
                next += group->n_members;
                group->n_members = 0;
                group->kernel_group = snapshot->devices[group->anchor].kernel_group;
                group->id = snapshot_path(snapshot, group->anchor);
                if (!group->id)
                        return -ENOMEM;
        }

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                Group *group;

                if (partition->group_of[i] == SNAPSHOT_NONE)
                        continue;
                group = &partition->groups[partition->group_of[i]];
                group->members[group->n_members++] = i;
                if (snapshot->devices[i].kernel_group != group->kernel_group)
                        group->kernel_group = -1;
        }
        return 0;
}

static int fill_reasons(Partition *partition, const ReasonList *list)
{
        Reason *next;

        partition->reasons = calloc(list->n_reasons + 1, sizeof(*partition->reasons));
        if (!partition->reasons)
                return -ENOMEM;
        for (size_t i = 0; i < list->n_reasons; i++)
                partition->groups[partition->group_of[list->reasons[i].a]].n_reasons++;

        next = partition->reasons;
        for (size_t g = 0; g < partition->n_groups; g++) {
                partition->groups[g].reasons = next;
                next += partition->groups[g].n_reasons;
                partition->groups[g].n_reasons = 0;
        }

        for (size_t i = 0; i < list->n_reasons; i++) {
                Group *group = &partition->groups[partition->group_of[list->reasons[i].a]];

                group->reasons[group->n_reasons++] = list->reasons[i];
        }
        return 0;
}

int partition_build(const Snapshot *snapshot, const size_t *labels, size_t n_labels,
                    const ReasonList *reasons, Partition **ret_partition)
{
        _cleanup_(partition_freep) Partition *partition = calloc(1, sizeof(*partition));
        int r;

        if (!partition)
                return -ENOMEM;
        r = number_groups(snapshot, labels, n_labels, partition);
        if (r < 0)
                return r;
        r = fill_members(snapshot, partition);
        if (r < 0)
                return r;
        r = fill_reasons(partition, reasons);
        if (r < 0)
                return r;

        *ret_partition = TAKE_PTR(partition);
        return 0;
}
