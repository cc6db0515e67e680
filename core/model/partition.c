/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Building and freeing partitions.
 *
 * The anchor of a group is its topmost member: its path does not change with bus numbers, and no
 * two devices have the same path.
 */

#include "core/model/partition.h"

#include "core/model/path.h"

#include <errno.h>
#include <string.h>

/* The smallest growth of the block of ids. */
#define ID_BLOCK_SIZE 256

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
        free(partition->groups);
        free(partition->ids);
        free(partition->members);
        free(partition->reasons);
        free(partition->group_of);
        free(partition);
        return NULL;
}

size_t partition_find_group(const Partition *partition, const char *id)
{
        for (size_t i = 0; i < partition->n_groups; i++)
                if (strcmp(partition->groups[i].id, id) == 0)
                        return i;
        return SNAPSHOT_NONE;
}

/* The facts about a label's group before the groups are ordered. */
typedef struct Found {
        size_t anchor; /* topmost member, or SNAPSHOT_NONE: the label is not in use */
        uint32_t n_members;
        uint32_t n_reasons;
        uint32_t number; /* index of the group */
        int32_t kernel_group;
} Found;

static void find_members(const Snapshot *snapshot, const size_t *labels, Found *founds)
{
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];
                Found *found;

                snapshot_prefetch(snapshot, i + PREFETCH_AHEAD);
                if (labels[i] == SNAPSHOT_NONE)
                        continue;
                found = &founds[labels[i]];
                found->n_members++;
                if (found->anchor == SNAPSHOT_NONE) {
                        found->anchor = i;
                        found->kernel_group = device->kernel_group >= 0 ? device->kernel_group
                                                                        : KERNEL_GROUP_NONE;
                        continue;
                }
                if (device->kernel_group != found->kernel_group)
                        found->kernel_group = KERNEL_GROUP_NONE;
                if (path_compare(snapshot, i, found->anchor) < 0)
                        found->anchor = i;
        }
}

static int find_groups(const Snapshot *snapshot, const size_t *labels, size_t n_labels,
                       const ReasonList *list, Found **ret_founds)
{
        _cleanup_(freep) Found *founds = calloc(n_labels + 1, sizeof(*founds));

        if (!founds)
                return -ENOMEM;
        for (size_t i = 0; i < n_labels; i++)
                founds[i].anchor = SNAPSHOT_NONE;
        find_members(snapshot, labels, founds);
        for (size_t i = 0; i < list->n_reasons; i++)
                founds[labels[list->reasons[i].a]].n_reasons++;

        *ret_founds = TAKE_PTR(founds);
        return 0;
}

static int partition_allocate(Partition *partition, size_t n_devices, size_t n_reasons,
                              const Found *founds, size_t n_labels)
{
        size_t n_groups = 0;

        for (size_t i = 0; i < n_labels; i++)
                n_groups += founds[i].anchor != SNAPSHOT_NONE;
        partition->groups = calloc(n_groups + 1, sizeof(*partition->groups));
        partition->group_of = calloc(n_devices + 1, sizeof(*partition->group_of));
        partition->members = calloc(n_devices + 1, sizeof(*partition->members));
        partition->reasons = calloc(n_reasons + 1, sizeof(*partition->reasons));
        if (!partition->groups || !partition->group_of || !partition->members ||
            !partition->reasons)
                return -ENOMEM;
        partition->n_devices = n_devices;
        return 0;
}

/*
 * Orders the groups by their anchors. Members and reasons of all groups are one block each,
 * because a machine has many groups with one device; each group gets a part of the block, to be
 * filled later.
 */
static void number_groups(const size_t *labels, Found *founds, Partition *partition)
{
        size_t *members = partition->members;
        Reason *reasons = partition->reasons;

        for (size_t i = 0; i < partition->n_devices; i++) {
                Found *found = labels[i] != SNAPSHOT_NONE ? &founds[labels[i]] : NULL;

                if (!found || found->anchor != i)
                        continue;
                found->number = (uint32_t)partition->n_groups;
                partition->groups[partition->n_groups++] = (Group){
                        .members = members,
                        .reasons = reasons,
                        .anchor = i,
                        .kernel_group = found->kernel_group,
                };
                members += found->n_members;
                reasons += found->n_reasons;
        }
}

static void fill_groups(const size_t *labels, const Found *founds, const ReasonList *list,
                        Partition *partition)
{
        for (size_t i = 0; i < partition->n_devices; i++) {
                Group *group;

                partition->group_of[i] = SNAPSHOT_NONE;
                if (labels[i] == SNAPSHOT_NONE)
                        continue;
                partition->group_of[i] = founds[labels[i]].number;
                group = &partition->groups[partition->group_of[i]];
                group->members[group->n_members++] = i;
        }
        for (size_t i = 0; i < list->n_reasons; i++) {
                Group *group = &partition->groups[partition->group_of[list->reasons[i].a]];

                group->reasons[group->n_reasons++] = list->reasons[i];
        }
}

/* Writes ids into one growing block; pointers are set after its last growth. */
static int fill_ids(const Snapshot *snapshot, Partition *partition)
{
        size_t size = 0, used = 0;
        char *next;

        for (size_t g = 0; g < partition->n_groups;) {
                size_t ahead = g + PREFETCH_AHEAD, room = size - used;
                size_t length = path_write(snapshot, partition->groups[g].anchor,
                                           room ? partition->ids + used : NULL, room);
                char *ids;

                if (ahead < partition->n_groups)
                        snapshot_prefetch(snapshot, partition->groups[ahead].anchor);
                if (length < room) {
                        used += length + 1;
                        g++;
                        continue;
                }
                size = size * 2 + length + ID_BLOCK_SIZE;
                ids = realloc(partition->ids, size);
                if (!ids)
                        return -ENOMEM;
                partition->ids = ids;
        }

        next = partition->ids;
        for (size_t g = 0; g < partition->n_groups; g++) {
                partition->groups[g].id = next;
                next += strlen(next) + 1;
        }
        return 0;
}

int partition_build(const Snapshot *snapshot, const size_t *labels, size_t n_labels,
                    const ReasonList *reasons, Partition **ret_partition)
{
        _cleanup_(partition_freep) Partition *partition = calloc(1, sizeof(*partition));
        _cleanup_(freep) Found *founds = NULL;
        int r;

        if (!partition)
                return -ENOMEM;
        r = find_groups(snapshot, labels, n_labels, reasons, &founds);
        if (r < 0)
                return r;
        r = partition_allocate(partition, snapshot->n_devices, reasons->n_reasons, founds,
                               n_labels);
        if (r < 0)
                return r;
        number_groups(labels, founds, partition);
        fill_groups(labels, founds, reasons, partition);
        r = fill_ids(snapshot, partition);
        if (r < 0)
                return r;

        *ret_partition = TAKE_PTR(partition);
        return 0;
}
