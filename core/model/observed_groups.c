/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The partition of the kernel's iommu_group links.
 *
 * The daemon enforces the links, whatever the model computes. If the computed partition explains
 * why two members share a group, its reasons are kept; other members are joined by
 * REASON_OBSERVED.
 */

#include "core/model/groups.h"

#include "core/model/partition.h"

#include <errno.h>

typedef struct Link {
        int32_t kernel_group;
        size_t index;
} Link;

static int link_compare(const void *a, const void *b)
{
        const Link *x = a, *y = b;

        if (x->kernel_group != y->kernel_group)
                return x->kernel_group < y->kernel_group ? -1 : 1;
        return x->index < y->index ? -1 : x->index > y->index;
}

/* Kernel numbers may be sparse (in a forged tree, any), so this uses its own dense labels. */
static int label_links(const Snapshot *snapshot, size_t *labels, size_t *ret_n_labels)
{
        _cleanup_(freep) Link *links = calloc(snapshot->n_devices + 1, sizeof(*links));
        size_t n = 0, n_labels = 0;

        if (!links)
                return -ENOMEM;
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                labels[i] = SNAPSHOT_NONE;
                if (snapshot->devices[i].kernel_group >= 0)
                        links[n++] = (Link){snapshot->devices[i].kernel_group, i};
        }
        qsort(links, n, sizeof(*links), link_compare);

        for (size_t i = 0; i < n; i++) {
                if (i == 0 || links[i - 1].kernel_group != links[i].kernel_group)
                        n_labels++;
                labels[links[i].index] = n_labels - 1;
        }
        *ret_n_labels = n_labels;
        return 0;
}

/* Keeps the computed reasons that join two members of one kernel group. */
static int keep_computed(const Partition *computed, const size_t *labels, size_t *above,
                         ReasonList *list)
{
        for (size_t g = 0; computed && g < computed->n_groups; g++) {
                for (size_t i = 0; i < computed->groups[g].n_reasons; i++) {
                        const Reason *reason = &computed->groups[g].reasons[i];
                        int r;

                        if (labels[reason->a] == SNAPSHOT_NONE ||
                            labels[reason->a] != labels[reason->b])
                                continue;
                        r = reason_list_add(list, reason);
                        if (r < 0)
                                return r;
                        above[partition_find(above, reason->a)] = partition_find(above, reason->b);
                }
        }
        return 0;
}

/* Joins unconnected members to the group's first member. */
static int add_observed(const Snapshot *snapshot, const size_t *labels, size_t *firsts,
                        size_t *above, ReasonList *list)
{
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                size_t first;
                int r;

                if (labels[i] == SNAPSHOT_NONE)
                        continue;
                if (firsts[labels[i]] == SNAPSHOT_NONE)
                        firsts[labels[i]] = i;
                first = firsts[labels[i]];
                if (partition_find(above, i) == partition_find(above, first))
                        continue;
                r = reason_list_add(
                        list, &(Reason){.rule = REASON_OBSERVED, .a = i, .b = first, .at = first});
                if (r < 0)
                        return r;
                above[partition_find(above, i)] = partition_find(above, first);
        }
        return 0;
}

int observed_groups_compute(const Snapshot *snapshot, const Partition *computed,
                            Partition **ret_partition)
{
        _cleanup_(freep) size_t *labels = calloc(snapshot->n_devices + 1, sizeof(*labels));
        _cleanup_(freep) size_t *firsts = calloc(snapshot->n_devices + 1, sizeof(*firsts));
        _cleanup_(freep) size_t *above = calloc(snapshot->n_devices + 1, sizeof(*above));
        _cleanup_(reason_list_deinitp) ReasonList list = {0};
        size_t n_labels = 0;
        int r;

        if (!labels || !firsts || !above)
                return -ENOMEM;
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                above[i] = i;
                firsts[i] = SNAPSHOT_NONE;
        }

        r = label_links(snapshot, labels, &n_labels);
        if (r < 0)
                return r;
        r = keep_computed(computed, labels, above, &list);
        if (r < 0)
                return r;
        r = add_observed(snapshot, labels, firsts, above, &list);
        if (r < 0)
                return r;
        return partition_build(snapshot, labels, n_labels, &list, ret_partition);
}
