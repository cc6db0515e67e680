/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Views: defaults, order and lookup. Lookup is linear: a view has some hundred devices. */

#include "libclient/view.h"

#include <string.h>

#include "core/model/bdf.h"

static const char *const empty_list[] = {NULL};

View *view_new(void)
{
        View *view = calloc(1, sizeof(*view));

        if (view)
                view->obstacle = "";
        return view;
}

View *view_free(View *view)
{
        if (view) {
                arena_deinit(&view->arena);
                free(view);
        }
        return NULL;
}

void view_init_device(iso_device *device)
{
        *device = (iso_device){
                .address = "",
                .id = "",
                .parent = "",
                .group = "",
                .computed_group = "",
                .kernel_group = -1,
                .driver = "",
                .state = "",
                .iommu = "",
        };
}

void view_init_group(iso_group *group)
{
        *group = (iso_group){
                .id = "",
                .partition = "",
                .kernel_group = -1,
                .devices = empty_list,
                .type = "",
                .guard = "",
                .guard_evidence = "",
                .state = "",
                .assumes = empty_list,
        };
}

void view_init_lease(iso_lease *lease)
{
        *lease = (iso_lease){
                .groups = empty_list,
                .devices = empty_list,
                .held = empty_list,
                .uid = (uid_t)-1,
                .unit = "",
                .mode = "",
                .lifetime = "",
                .guard = "",
                .required_guard = "none",
                .memory_warning = "",
                .state = "",
                .rule = "",
                .address_space = "",
                .accounting = "",
                .nodes = empty_list,
                .trouble = "",
        };
}

const iso_device *view_find_device(const View *view, const char *address)
{
        for (size_t i = 0; i < view->n_devices; i++)
                if (strcmp(view->devices[i].address, address) == 0)
                        return &view->devices[i];
        return NULL;
}

const iso_group *view_find_group(const View *view, const char *id)
{
        for (size_t i = 0; i < view->n_groups; i++)
                if (strcmp(view->groups[i].id, id) == 0)
                        return &view->groups[i];
        return NULL;
}

const iso_group *view_find_kernel_group(const View *view, int number)
{
        for (size_t i = 0; i < view->n_groups; i++)
                if (view->groups[i].kernel_group == number)
                        return &view->groups[i];
        return NULL;
}

const iso_lease *view_find_lease(const View *view, uint32_t id)
{
        for (size_t i = 0; i < view->n_leases; i++)
                if (view->leases[i].id == id)
                        return &view->leases[i];
        return NULL;
}

int view_compare_addresses(const char *a, const char *b)
{
        Bdf left, right;

        if (!bdf_parse(a, &left) || !bdf_parse(b, &right))
                return strcmp(a, b);
        return bdf_compare(left, right);
}

int view_compare_groups(const void *a, const void *b)
{
        const iso_group *left = a, *right = b;

        return strcmp(left->id, right->id);
}
