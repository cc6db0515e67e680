/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A sysfs tree (also the live one) or a file as a source of views: read into a snapshot, and
 * grouped by the model that the daemon uses. The view shows the kernel's own groups if there are
 * any. Computed groups explain them, and replace them if the tree has none.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/model/groups.h"
#include "core/probe/machine.h"
#include "core/probe/sysfs.h"
#include "libclient/host.h"
#include "libclient/tree.h"

static const char no_iommu[] =
        "no IOMMU is in use on this machine, so nothing isolates its devices and none can be "
        "leased. "
        "Turn it on in the firmware's setup (VT-d, AMD-Vi or IOMMU, SMMU) and, on Intel, boot with "
        "intel_iommu=on";

static const char no_groups[] = "the input has no kernel groups: either that machine used no "
                                "IOMMU, or the text leaves them out";

static int fill_view(const Tree *tree, PartitionKind kind, const Partition *shown,
                     const Partition *computed)
{
        View *view = tree->view;
        int r;

        view->devices = arena_alloc(&view->arena, tree->snapshot->n_devices, sizeof(iso_device));
        view->groups = arena_alloc(&view->arena, shown->n_groups, sizeof(iso_group));
        view->leases = arena_alloc(&view->arena, 0, sizeof(iso_lease));
        if (!view->devices || !view->groups || !view->leases)
                return -ENOMEM;

        for (size_t i = 0; i < tree->snapshot->n_devices; i++) {
                r = tree_fill_device(tree, shown, computed, i, &view->devices[i]);
                if (r < 0)
                        return r;
                view->n_devices++;
        }
        for (size_t i = 0; i < shown->n_groups; i++) {
                r = tree_fill_group(tree, kind, &shown->groups[i], &view->groups[i]);
                if (r < 0)
                        return r;
                view->n_groups++;
        }
        if (view->n_groups > 0)
                qsort(view->groups, view->n_groups, sizeof(*view->groups), view_compare_groups);
        return 0;
}

static int read_file(iso_host *host, ReadNotes *notes, Snapshot **ret_snapshot)
{
        _cleanup_(freep) char *message = NULL;
        int r = machine_read(host->root, host->groups,
                             host->without_drivers ? MACHINE_WITHOUT_DRIVERS : 0, notes,
                             ret_snapshot, &message);

        if (r == MACHINE_E_NOT_FOUND)
                return host_fail(host, ISO_E_NOT_FOUND, "%s", message);
        if (r > 0)
                return host_fail(host, ISO_E_INVALID, "%s", message);
        if (r < 0)
                return host_fail(host, r, "%s cannot be read: %s", host->root, strerror(-r));
        return 0;
}

static int read_snapshot(iso_host *host, ReadNotes *notes, Snapshot **ret_snapshot)
{
        struct stat status;
        int r;

        if (host->is_file)
                return read_file(host, notes, ret_snapshot);
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

/* Copies the reader's notes into the view. */
static int keep_notes(const ReadNotes *notes, View *view)
{
        if (notes->n == 0)
                return 0;
        view->notes = arena_alloc(&view->arena, notes->n, sizeof(*view->notes));
        if (!view->notes)
                return -ENOMEM;
        for (size_t i = 0; i < notes->n; i++) {
                _cleanup_(freep) char *text = read_note_format(&notes->notes[i]);
                iso_note *note = &view->notes[i];

                if (!text)
                        return -ENOMEM;
                note->file = arena_strdup(&view->arena, notes->notes[i].file);
                note->what = arena_strdup(&view->arena, notes->notes[i].what);
                note->next = arena_strdup(&view->arena, notes->notes[i].next);
                note->text = arena_strdup(&view->arena, text);
                if (!note->file || !note->what || !note->next || !note->text)
                        return -ENOMEM;
                note->line = notes->notes[i].line;
                note->further = notes->notes[i].n_further;
                view->n_notes++;
        }
        return 0;
}

/*
 * The obstacle to leases. For a copy it is unknown whether the machine had no IOMMU or the copy
 * leaves it out.
 */
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

int tree_make_view(Partitions *partitions, View **ret_view)
{
        const Snapshot *snapshot = partitions->snapshot;
        PartitionKind kind = has_kernel_groups(snapshot) ? PARTITION_OBSERVED : PARTITION_KERNEL;
        const Partition *shown = NULL, *computed = NULL;
        _cleanup_(view_freep) View *view = NULL;
        int r;

        r = partitions_get(partitions, PARTITION_KERNEL, &computed);
        if (r == 0)
                r = partitions_get(partitions, kind, &shown);
        if (r < 0)
                return r;

        view = view_new();
        if (!view)
                return -ENOMEM;
        r = fill_view(&(Tree){snapshot, view, &view->arena}, kind, shown, computed);
        if (r < 0)
                return r;
        *ret_view = TAKE_PTR(view);
        return 0;
}

int tree_read_traits(iso_host *host)
{
        struct stat status;
        int r;

        if (host->has_traits || !host->root || stat(host->root, &status) < 0 ||
            !S_ISDIR(status.st_mode))
                return 0;
        r = sysfs_read_traits(host->root, host->snapshot);
        if (r < 0)
                return host_fail(host, r, "%s cannot be read: %s", host->root, strerror(-r));
        host->has_traits = true;
        return 0;
}

int tree_read_view(iso_host *host, View **ret_view)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(partitions_freep) Partitions *partitions = NULL;
        _cleanup_(read_notes_deinitp) ReadNotes notes = {0};
        _cleanup_(view_freep) View *view = NULL;
        int r;

        r = read_snapshot(host, &notes, &snapshot);
        if (r != 0)
                return r;
        partitions = partitions_new(snapshot);
        if (!partitions)
                return -ENOMEM;
        r = tree_make_view(partitions, &view);
        if (r == 0)
                r = keep_notes(&notes, view);
        if (r < 0)
                return r;
        if (!has_kernel_groups(snapshot))
                view->obstacle = obstacle_of(host);

        partitions_free(host->partitions);
        host->partitions = TAKE_PTR(partitions);
        snapshot_free(host->snapshot);
        host->snapshot = TAKE_PTR(snapshot);
        host->has_traits = false;
        *ret_view = TAKE_PTR(view);
        return 0;
}
