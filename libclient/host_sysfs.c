/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A machine's copy as a source of views, a sysfs tree (also the live one) or a file: read into a
 * snapshot, grouped by the same model that the daemon runs. The kernel's own groups are what is
 * shown where there are any; computed ones explain them, and stand in for them where the tree has
 * none.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/model/groups.h"
#include "core/probe/machine.h"
#include "core/probe/sysfs.h"
#include "libclient/host.h"

/* What one reading works with; `observed` is NULL where the kernel has no groups. */
typedef struct Tree {
        const Snapshot *snapshot;
        const Partition *computed;
        const Partition *observed;
        View *view;
} Tree;

static const char no_iommu[] =
        "no IOMMU is in use on this machine, so nothing isolates its devices and none can be "
        "leased. "
        "Turn it on in the firmware's setup (VT-d, AMD-Vi or IOMMU, SMMU) and, on Intel, boot with "
        "intel_iommu=on";

/* A copied tree is anybody's text: what reaches a terminal or a JSON document is printable ASCII.
 */
static char *arena_strdup_printable(Arena *arena, const char *text)
{
        char *copy = arena_strdup(arena, text);

        for (char *p = copy; p && *p; p++)
                if (*p <= ' ' || *p > '~')
                        *p = '?';
        return copy;
}

/* The address of device `index` in the view, "" for SNAPSHOT_NONE. */
static const char *address_of(const Tree *tree, size_t index)
{
        return index < tree->view->n_devices ? tree->view->devices[index].address : "";
}

static const char *group_id_of(const Partition *partition, size_t index)
{
        size_t group = partition->group_of[index];

        return group == SNAPSHOT_NONE ? "" : partition->groups[group].id;
}

static int fill_device(const Tree *tree, size_t index, iso_device *ret_device)
{
        const PciDevice *device = &tree->snapshot->devices[index];
        const Partition *shown = tree->observed ? tree->observed : tree->computed;
        _cleanup_(freep) char *id = NULL;
        Arena *arena = &tree->view->arena;
        char address[BDF_TEXT_SIZE], parent[BDF_TEXT_SIZE] = "";
        bool is_bridge = device->class_code >> 16 == 0x06;

        id = snapshot_path(tree->snapshot, index);
        if (!id)
                return -ENOMEM;
        if (device->parent != SNAPSHOT_NONE)
                bdf_format(tree->snapshot->devices[device->parent].bdf, parent);

        *ret_device = (iso_device){
                .address = arena_strdup(arena, bdf_format(device->bdf, address)),
                .id = arena_strdup(arena, id),
                .parent = arena_strdup(arena, parent),
                .group = arena_strdup(arena, group_id_of(shown, index)),
                .computed_group = arena_strdup(arena, group_id_of(tree->computed, index)),
                .kernel_group = device->kernel_group,
                .vendor = device->vendor,
                .device = device->device,
                .class_code = device->class_code,
                .driver = arena_strdup_printable(arena, device->driver),
                .state = *device->driver || is_bridge ? "host" : "free",
                .iommu = arena_strdup_printable(arena, device->iommu),
        };
        if (!ret_device->address || !ret_device->id || !ret_device->parent || !ret_device->group ||
            !ret_device->computed_group || !ret_device->driver || !ret_device->iommu)
                return -ENOMEM;
        return 0;
}

static int fill_reason(const Tree *tree, const Reason *reason, iso_reason *ret_reason)
{
        static const struct {
                uint8_t bit;
                const char *name;
        } bits[] = {{ACS_SV, "SV"}, {ACS_RR, "RR"}, {ACS_CR, "CR"}, {ACS_UF, "UF"}};
        _cleanup_(freep) char *text = NULL;
        Arena *arena = &tree->view->arena;
        const char **missing;
        size_t n = 0;

        text = reason_describe(tree->snapshot, reason);
        missing = arena_alloc(arena, ARRAY_SIZE(bits) + 1, sizeof(*missing));
        if (!text || !missing)
                return -ENOMEM;
        for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
                if (reason->missing & bits[i].bit)
                        missing[n++] = bits[i].name;

        *ret_reason = (iso_reason){
                .rule = reason_rule_to_string(reason->rule),
                .a = address_of(tree, reason->a),
                .b = address_of(tree, reason->b),
                .at = address_of(tree, reason->at),
                .missing = missing,
                .text = arena_strdup(arena, text),
        };
        return ret_reason->text ? 0 : -ENOMEM;
}

static const char no_groups[] =
        "no groups of a kernel are told here: either no IOMMU was in use on that machine, or the "
        "text leaves them out";

static int compare_numbers(const void *a, const void *b)
{
        const KernelGroup *x = a, *y = b;

        return (x->number > y->number) - (x->number < y->number);
}

/* The type of a group's default domain; "" if it is not known. */
static const char *find_group_type(const Snapshot *snapshot, int32_t number)
{
        const KernelGroup key = {.number = number};
        const KernelGroup *group = NULL;

        if (snapshot->n_kernel_groups > 0)
                group = bsearch(&key, snapshot->kernel_groups, snapshot->n_kernel_groups,
                                sizeof(key), compare_numbers);
        return group ? group->type : "";
}

static int fill_group(const Tree *tree, const Group *group, iso_group *ret_group)
{
        Arena *arena = &tree->view->arena;
        const char **devices, *id, *type;
        iso_reason *reasons;
        int r;

        id = arena_strdup(arena, group->id);
        devices = arena_alloc(arena, group->n_members + 1, sizeof(*devices));
        reasons = arena_alloc(arena, group->n_reasons, sizeof(*reasons));
        type = arena_strdup_printable(arena, find_group_type(tree->snapshot, group->kernel_group));
        if (!id || !devices || !reasons || !type)
                return -ENOMEM;

        for (size_t i = 0; i < group->n_members; i++)
                devices[i] = address_of(tree, group->members[i]);
        for (size_t i = 0; i < group->n_reasons; i++) {
                r = fill_reason(tree, &group->reasons[i], &reasons[i]);
                if (r < 0)
                        return r;
        }

        *ret_group = (iso_group){
                .id = id,
                .kernel_group = group->kernel_group,
                .devices = devices,
                .n_devices = group->n_members,
                .reasons = reasons,
                .n_reasons = group->n_reasons,
                .type = type,
                .guard = "none",
                .state = "free",
        };
        return 0;
}

static int fill_view(const Tree *tree)
{
        const Partition *shown = tree->observed ? tree->observed : tree->computed;
        View *view = tree->view;
        int r;

        view->devices = arena_alloc(&view->arena, tree->snapshot->n_devices, sizeof(iso_device));
        view->groups = arena_alloc(&view->arena, shown->n_groups, sizeof(iso_group));
        view->leases = arena_alloc(&view->arena, 0, sizeof(iso_lease));
        if (!view->devices || !view->groups || !view->leases)
                return -ENOMEM;

        for (size_t i = 0; i < tree->snapshot->n_devices; i++) {
                r = fill_device(tree, i, &view->devices[i]);
                if (r < 0)
                        return r;
                view->n_devices++;
        }
        for (size_t i = 0; i < shown->n_groups; i++) {
                r = fill_group(tree, &shown->groups[i], &view->groups[i]);
                if (r < 0)
                        return r;
                view->n_groups++;
        }
        if (view->n_groups > 0)
                qsort(view->groups, view->n_groups, sizeof(*view->groups), view_compare_groups);
        return 0;
}

static int read_file(iso_host *host, Snapshot **ret_snapshot)
{
        _cleanup_(freep) char *message = NULL;
        int r = machine_read(host->root, ret_snapshot, &message);

        if (r == MACHINE_E_NOT_FOUND)
                return host_fail(host, ISO_E_NOT_FOUND, "%s", message);
        if (r > 0)
                return host_fail(host, ISO_E_INVALID, "%s", message);
        if (r < 0)
                return host_fail(host, r, "%s cannot be read: %s", host->root, strerror(-r));
        return 0;
}

static int read_snapshot(iso_host *host, Snapshot **ret_snapshot)
{
        struct stat status;
        int r;

        if (host->is_file)
                return read_file(host, ret_snapshot);
        if (stat(host->root, &status) < 0 && errno == ENOENT)
                return host_fail(host, ISO_E_NOT_FOUND, "there is no %s", host->root);

        r = sysfs_read_snapshot(host->root, ret_snapshot);
        if (r == SYSFS_E_NO_PCI)
                return host_fail(host, ISO_E_INVALID,
                                 "%s is not a sysfs tree with PCI devices: it has no "
                                 "bus/pci/devices",
                                 host->root);
        if (r == -ENOTDIR)
                return host_fail(host, ISO_E_INVALID, "%s is not a directory", host->root);
        if (r < 0)
                return host_fail(host, r, "%s cannot be read: %s", host->root, strerror(-r));
        return r;
}

/* Of a copy nobody knows whether there was none, or whether the copy leaves it out. */
static const char *obstacle_of(const iso_host *host)
{
        struct stat status;

        if (host->is_file && (stat(host->root, &status) < 0 || !S_ISDIR(status.st_mode)))
                return no_groups;
        return no_iommu;
}

static bool has_kernel_groups(const Snapshot *snapshot)
{
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (snapshot->devices[i].kernel_group >= 0)
                        return true;
        return false;
}

int tree_read_view(iso_host *host, View **ret_view)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(partition_freep) Partition *computed = NULL, *observed = NULL;
        _cleanup_(view_freep) View *view = NULL;
        int r;

        r = read_snapshot(host, &snapshot);
        if (r != 0)
                return r;

        r = kernel_groups_compute(snapshot, &computed);
        if (r < 0)
                return r;
        if (has_kernel_groups(snapshot)) {
                r = observed_groups_compute(snapshot, computed, &observed);
                if (r < 0)
                        return r;
        }

        view = view_new();
        if (!view)
                return -ENOMEM;
        r = fill_view(&(Tree){snapshot, computed, observed, view});
        if (r < 0)
                return r;

        if (!observed)
                view->obstacle = obstacle_of(host);

        snapshot_free(host->snapshot);
        host->snapshot = TAKE_PTR(snapshot);
        *ret_view = TAKE_PTR(view);
        return 0;
}
