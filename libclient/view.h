/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One consistent reading of a machine: the values that isolation.h shows, and nothing else.
 *
 * Whoever fills it (the daemon's objects, a sysfs tree), the invariants are the same: devices are
 * sorted by address, groups by id, leases by number; no string and no list is NULL.
 */

#include "libclient/arena.h"
#include "libclient/isolation.h"

/* Why the members of a group are together. */
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
        const char *obstacle; /* why leases are refused on this machine, "" if they are not */
        iso_note *notes;      /* of the reader */
        size_t n_notes;

        /* Of a view off the bus, parallel to the above; NULL in a view of a tree. */
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
 * The groups that the devices of a view say they are in, by the kernel's rules (`computed`) or by
 * its links, without reasons. What no IOMMU covers is left out of a machine that has one. The list
 * is the view's. Returns 0 or -ENOMEM.
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
