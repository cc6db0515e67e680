/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The groups of one partition of a host, and the reasons that join a group's members. */

#include <errno.h>
#include <string.h>

#include "libclient/host.h"
#include "libclient/tree.h"

static bool is_covered(const PciDevice *device)
{
        return device->kernel_group >= 0 || device->sysfs.iommu_kind != IOMMU_KIND_NONE;
}

static bool any_is_covered(const Snapshot *snapshot)
{
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (is_covered(&snapshot->devices[i]))
                        return true;
        return false;
}

static bool has_covered(const Snapshot *snapshot, const Group *group)
{
        for (size_t i = 0; i < group->n_members; i++)
                if (is_covered(&snapshot->devices[group->members[i]]))
                        return true;
        return false;
}

/* Makes the groups of a host with a snapshot. Returns 0 or -ENOMEM. */
static int fill_groups(iso_host *host, PartitionKind kind, const iso_group **ret_groups,
                       size_t *ret_n)
{
        Arena *arena = &host->partitions->arena;
        const Partition *partition = NULL;
        bool with_uncovered;
        iso_group *groups;
        size_t n = 0;
        int r;

        r = partitions_get(host->partitions, kind, &partition);
        if (r < 0)
                return r;
        /*
         * The kernel makes no group for a device that no IOMMU covers. If it is unknown which
         * devices are covered, list all.
         */
        with_uncovered = kind != PARTITION_KERNEL || !any_is_covered(host->snapshot);

        groups = arena_alloc(arena, partition->n_groups + 1, sizeof(*groups));
        if (!groups)
                return -ENOMEM;
        for (size_t i = 0; i < partition->n_groups; i++) {
                if (!with_uncovered && !has_covered(host->snapshot, &partition->groups[i]))
                        continue;
                r = tree_fill_group(&(Tree){host->snapshot, host->view, arena}, kind,
                                    &partition->groups[i], &groups[n++]);
                if (r < 0)
                        return r;
        }
        if (n > 0)
                qsort(groups, n, sizeof(*groups), view_compare_groups);
        *ret_groups = groups;
        *ret_n = n;
        return 0;
}

int iso_host_partition(iso_host *host, const char *name, const iso_group **ret_groups,
                       size_t *ret_n)
{
        PartitionKind kind = partition_kind_from_string(name);

        if (kind == _PARTITION_N)
                return host_fail(host, ISO_E_INVALID,
                                 "unknown partition '%s'; use kernel, observed or sound", name);
        if (host->partitions)
                return fill_groups(host, kind, ret_groups, ret_n);
        if (kind == PARTITION_SOUND)
                return host_fail_without_snapshot(host);
        return view_partition(host->view, kind == PARTITION_KERNEL, ret_groups, ret_n);
}

/* NULL if the group is not of this partition. */
static const Group *find_group(const Partition *partition, const char *id)
{
        for (size_t i = 0; i < partition->n_groups; i++)
                if (strcmp(partition->groups[i].id, id) == 0)
                        return &partition->groups[i];
        return NULL;
}

static int fill_reasons(iso_host *host, const iso_group *group, const iso_reason **ret_reasons,
                        size_t *ret_n)
{
        const Tree tree = {host->snapshot, host->view, &host->partitions->arena};
        PartitionKind kind = partition_kind_from_string(group->partition);
        const Partition *partition = NULL;
        const Group *found;
        iso_reason *reasons;
        int r;

        if (kind == _PARTITION_N)
                return -EINVAL;
        r = partitions_get(host->partitions, kind, &partition);
        if (r < 0)
                return r;
        found = find_group(partition, group->id);
        if (!found)
                return -EINVAL;
        reasons = arena_alloc(tree.arena, found->n_reasons + 1, sizeof(*reasons));
        if (!reasons)
                return -ENOMEM;
        for (size_t i = 0; i < found->n_reasons; i++) {
                r = tree_fill_reason(&tree, &found->reasons[i], &reasons[i]);
                if (r < 0)
                        return r;
        }
        *ret_reasons = reasons;
        *ret_n = found->n_reasons;
        return 0;
}

int iso_host_reasons(iso_host *host, const iso_group *group, const iso_reason **ret_reasons,
                     size_t *ret_n)
{
        if (host->partitions)
                return fill_reasons(host, group, ret_reasons, ret_n);
        for (size_t i = 0; i < host->view->n_groups; i++)
                if (group == &host->view->groups[i]) {
                        *ret_reasons = host->view->group_reasons[i].reasons;
                        *ret_n = host->view->group_reasons[i].n;
                        return 0;
                }
        return host_fail_without_snapshot(host);
}
