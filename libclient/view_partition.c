/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Partitions from a view: the daemon's properties of each device show which devices share a group,
 * but not the reasons.
 */

#include <errno.h>
#include <string.h>

#include "libclient/view.h"

typedef struct Member {
        const char *group;
        const iso_device *device; /* members of one group stay in the order of the view */
} Member;

static int compare_members(const void *a, const void *b)
{
        const Member *x = a, *y = b;
        int order = strcmp(x->group, y->group);

        if (order != 0)
                return order;
        return x->device < y->device ? -1 : x->device > y->device;
}

static bool is_covered(const iso_device *device)
{
        return device->kernel_group >= 0 || *device->iommu;
}

static bool any_is_covered(const View *view)
{
        for (size_t i = 0; i < view->n_devices; i++)
                if (is_covered(&view->devices[i]))
                        return true;
        return false;
}

/* The end of the group that begins at `first`; tells whether an IOMMU covers one of its members. */
static size_t find_end(const Member *members, size_t n, size_t first, bool *ret_covered)
{
        size_t end = first;

        *ret_covered = false;
        while (end < n && strcmp(members[first].group, members[end].group) == 0)
                *ret_covered |= is_covered(members[end++].device);
        return end;
}

static int fill(View *view, const Member *members, size_t n, const char *partition,
                iso_group *ret_group)
{
        const char **devices = arena_alloc(&view->arena, n + 1, sizeof(*devices));
        int number = members[0].device->kernel_group;

        if (!devices)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                devices[i] = members[i].device->address;
                if (members[i].device->kernel_group != number)
                        number = -1;
        }
        view_init_group(ret_group);
        ret_group->id = members[0].group;
        ret_group->partition = partition;
        ret_group->kernel_group = number;
        ret_group->devices = devices;
        ret_group->n_devices = n;
        return 0;
}

int view_partition(View *view, bool computed, const iso_group **ret_groups, size_t *ret_n)
{
        _cleanup_(freep) Member *members = calloc(view->n_devices + 1, sizeof(*members));
        iso_group *groups = arena_alloc(&view->arena, view->n_devices + 1, sizeof(*groups));
        bool all = !any_is_covered(view), covered;
        size_t n = 0, n_groups = 0;

        if (!members || !groups)
                return -ENOMEM;
        for (size_t i = 0; i < view->n_devices; i++) {
                const iso_device *device = &view->devices[i];
                const char *group = computed ? device->computed_group : device->group;

                if (*group && (computed || device->kernel_group >= 0))
                        members[n++] = (Member){group, device};
        }
        if (n > 0)
                qsort(members, n, sizeof(*members), compare_members);
        for (size_t first = 0, end; first < n; first = end) {
                end = find_end(members, n, first, &covered);
                if (!covered && !all)
                        continue;
                int r = fill(view, members + first, end - first, computed ? "kernel" : "observed",
                             &groups[n_groups++]);
                if (r < 0)
                        return r;
        }
        *ret_groups = groups;
        *ret_n = n_groups;
        return 0;
}
