/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A sysfs tree as a source of views: read into a snapshot, grouped by the same model that the
 * daemon runs. The kernel's own groups are what is shown where there are any; computed ones explain
 * them, and stand in for them where the tree has none.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/model/groups.h"
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

static void close_fdp(int *fd)
{
        if (*fd >= 0)
                (void)close(*fd);
}

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

/* ROOT/kernel/iommu_groups/N/type; "" if it cannot be read. */
static const char *read_group_type(const iso_host *host, Arena *arena, int number)
{
        _cleanup_(close_fdp) int root = -1, fd = -1;
        char path[64], text[64];
        ssize_t n;

        (void)snprintf(path, sizeof(path), "kernel/iommu_groups/%d/type", number);
        root = open(host->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return "";
        fd = openat(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return "";
        n = read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return "";

        text[n] = '\0';
        text[strcspn(text, "\n")] = '\0';
        return arena_strdup_printable(arena, text);
}

static int fill_group(const iso_host *host, const Tree *tree, const Group *group,
                      iso_group *ret_group)
{
        Arena *arena = &tree->view->arena;
        const char **devices, *id, *type;
        iso_reason *reasons;
        int r;

        id = arena_strdup(arena, group->id);
        devices = arena_alloc(arena, group->n_members + 1, sizeof(*devices));
        reasons = arena_alloc(arena, group->n_reasons, sizeof(*reasons));
        type = group->kernel_group < 0 ? "" : read_group_type(host, arena, group->kernel_group);
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

static int fill_view(const iso_host *host, const Tree *tree)
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
                r = fill_group(host, tree, &shown->groups[i], &view->groups[i]);
                if (r < 0)
                        return r;
                view->n_groups++;
        }
        if (view->n_groups > 0)
                qsort(view->groups, view->n_groups, sizeof(*view->groups), view_compare_groups);
        return 0;
}

static int read_snapshot(iso_host *host, Snapshot **ret_snapshot)
{
        struct stat status;
        int r;

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
        r = fill_view(host, &(Tree){snapshot, computed, observed, view});
        if (r < 0)
                return r;

        if (!observed)
                view->obstacle = no_iommu;

        *ret_view = TAKE_PTR(view);
        return 0;
}

/* The last device address among the components of a link's target. */
static const iso_device *find_in_link(const iso_host *host, int root, const char *path)
{
        char target[PATH_MAX], address[BDF_TEXT_SIZE];
        ssize_t n;

        n = readlinkat(root, path, target, sizeof(target) - 1);
        if (n <= 0)
                return NULL;
        target[n] = '\0';

        for (char *slash; (slash = strrchr(target, '/')); *slash = '\0') {
                const iso_device *device;
                Bdf bdf;

                if (!bdf_parse(slash + 1, &bdf))
                        continue;
                device = view_find_device(host->view, bdf_format(bdf, address));
                if (device)
                        return device;
        }
        return NULL;
}

const iso_device *tree_find_named(const iso_host *host, const char *name)
{
        static const char *const classes[] = {"net", "block"};
        static const char *const links[] = {"", "/device"};
        _cleanup_(close_fdp) int root = -1;
        char path[NAME_MAX + 64];

        if (strlen(name) > NAME_MAX || name[0] == '.')
                return NULL;
        root = open(host->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return NULL;

        for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
                for (size_t k = 0; k < ARRAY_SIZE(links); k++) {
                        const iso_device *device;

                        (void)snprintf(path, sizeof(path), "class/%s/%s%s", classes[i], name,
                                       links[k]);
                        device = find_in_link(host, root, path);
                        if (device)
                                return device;
                }
        return NULL;
}
