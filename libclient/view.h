/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One consistent reading of a machine: only the values of isolation.h.
 *
 * Every source (the daemon's objects, a sysfs tree) keeps the same invariants: devices are sorted
 * by address, groups by id, leases by number; no string and no list is NULL.
 */

#include "libclient/arena.h"
#include "libclient/isolation.h"

/* The reasons that join the members of a group. */
typedef struct GroupReasons {
        const iso_reason *reasons;
        size_t n;
} GroupReasons;

typedef struct View {
        Arena arena;
        iso_device *devices;
        size_t n_devices;
        iso_group *groups;
        size_t n_groups;
        iso_lease *leases;
        size_t n_leases;
        const char *obstacle; /* why this machine refuses leases, "" if it does not */
        iso_note *notes;      /* of the reader */
        size_t n_notes;
        const char **const *uses; /* of iso_host_device_uses(); NULL before the first question */

        /* Only in a view from the bus, parallel to the above; NULL in a view of a tree. */
        GroupReasons *group_reasons;
        const char **device_paths;
        const char **group_paths;
} View;

/* An empty view, or NULL if memory is short. */
View *view_new(void);

View *view_free(View *view);
DEFINE_CLEANUP(View *, view_free);

/* Makes absent strings "", absent lists empty and absent numbers -1 or 0. */
void view_init_device(iso_device *device);
void view_init_group(iso_group *group);
void view_init_lease(iso_lease *lease);

/*
 * Makes the groups that the devices of a view name, by the kernel's rules (`computed`) or by its
 * links, without reasons. On a machine with an IOMMU, leaves out devices that no IOMMU covers. The
 * view owns the list. Returns 0 or -ENOMEM.
 */
_nodiscard_ int view_partition(View *view, bool computed, const iso_group **ret_groups,
                               size_t *ret_n);

/* NULL if there is none. */
const iso_device *view_find_device(const View *view, const char *address);
const iso_group *view_find_group(const View *view, const char *id);
const iso_group *view_find_kernel_group(const View *view, int number);
const iso_lease *view_find_lease(const View *view, uint32_t id);

/* qsort() orders of addresses and group ids. */
int view_compare_addresses(const char *a, const char *b);
int view_compare_groups(const void *a, const void *b);
