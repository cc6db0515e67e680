/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Builds a machine from single functions.
 *
 * Readers add functions in any order. Finishing sorts them by address and derives facts that need
 * several functions: parents, depth, the end of a switch that a port is, and whether a slot has
 * several functions. The tree may be forged, so every link is checked before it is followed. After
 * finishing, parents and VMD endpoints form a forest, a physical function is not virtual, and no
 * two devices have the same place.
 */

#include "core/model/snapshot.h"

#include "core/model/path.h"

#include <errno.h>
#include <string.h>

#define SNAPSHOT_DEVICES_MAX ((size_t)1 << 20)

/* A sort key; `seq` makes the order total, so that of repeated addresses the first added stays. */
typedef struct Slot {
        Bdf bdf;
        size_t seq;
} Slot;

int snapshot_new(Snapshot **ret_snapshot)
{
        Snapshot *snapshot = calloc(1, sizeof(*snapshot));

        if (!snapshot)
                return -ENOMEM;
        *ret_snapshot = snapshot;
        return 0;
}

Snapshot *snapshot_free(Snapshot *snapshot)
{
        if (!snapshot)
                return NULL;
        free(snapshot->devices);
        free(snapshot->probe_order);
        free(snapshot->command_line);
        free(snapshot->kernel_groups);
        free(snapshot->slots);
        free(snapshot);
        return NULL;
}

/* Copies `n` elements of an array that may be NULL, with room for one more. */
static void *copy_array(const void *from, size_t n, size_t size)
{
        void *to = calloc(n + 1, size);

        if (to && from)
                memcpy(to, from, n * size);
        return to;
}

int snapshot_copy(const Snapshot *snapshot, Snapshot **ret_snapshot)
{
        _cleanup_(snapshot_freep) Snapshot *copy = calloc(1, sizeof(*copy));

        if (!copy)
                return -ENOMEM;
        *copy = *snapshot;
        copy->n_allocated = copy->n_devices;
        copy->devices = copy_array(snapshot->devices, copy->n_devices, sizeof(*copy->devices));
        copy->probe_order =
                copy_array(snapshot->probe_order, copy->n_devices, sizeof(*copy->probe_order));
        copy->kernel_groups = copy_array(snapshot->kernel_groups, copy->n_kernel_groups,
                                         sizeof(*copy->kernel_groups));
        copy->slots = copy_array(snapshot->slots, copy->n_slots, sizeof(*copy->slots));
        copy->command_line = snapshot->command_line ? strdup(snapshot->command_line) : NULL;
        if (!copy->devices || !copy->probe_order || !copy->kernel_groups || !copy->slots ||
            (snapshot->command_line && !copy->command_line))
                return -ENOMEM;
        *ret_snapshot = TAKE_PTR(copy);
        return 0;
}

int snapshot_add(Snapshot *snapshot, const PciDevice *device)
{
        if (snapshot->n_devices >= SNAPSHOT_DEVICES_MAX)
                return -E2BIG;

        if (snapshot->n_devices == snapshot->n_allocated) {
                size_t n = snapshot->n_allocated ? snapshot->n_allocated * 2 : 64;
                PciDevice *devices = realloc(snapshot->devices, n * sizeof(*devices));

                if (!devices)
                        return -ENOMEM;
                snapshot->devices = devices;
                snapshot->n_allocated = n;
        }

        snapshot->devices[snapshot->n_devices++] = *device;
        snapshot->finished = false;
        return 0;
}

static int slot_compare(const void *a, const void *b)
{
        const Slot *x = a, *y = b;
        int order = bdf_compare(x->bdf, y->bdf);

        if (order != 0)
                return order;
        return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static bool is_sorted(const Snapshot *snapshot)
{
        for (size_t i = 1; i < snapshot->n_devices; i++)
                if (bdf_compare(snapshot->devices[i - 1].bdf, snapshot->devices[i].bdf) >= 0)
                        return false;
        return true;
}

/* Sorts small keys, then moves each device once. */
static int sort_devices(Snapshot *snapshot)
{
        _cleanup_(freep) Slot *slots = NULL;
        _cleanup_(freep) PciDevice *sorted = NULL;
        size_t n = 0;

        if (is_sorted(snapshot))
                return 0;

        slots = calloc(snapshot->n_devices, sizeof(*slots));
        sorted = calloc(snapshot->n_devices, sizeof(*sorted));
        if (!slots || !sorted)
                return -ENOMEM;

        for (size_t i = 0; i < snapshot->n_devices; i++)
                slots[i] = (Slot){.bdf = snapshot->devices[i].bdf, .seq = i};
        qsort(slots, snapshot->n_devices, sizeof(*slots), slot_compare);

        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (n == 0 || !bdf_equal(sorted[n - 1].bdf, slots[i].bdf))
                        sorted[n++] = snapshot->devices[slots[i].seq];

        free(snapshot->devices);
        snapshot->devices = TAKE_PTR(sorted);
        snapshot->n_allocated = snapshot->n_devices;
        snapshot->n_devices = n;
        return 0;
}

size_t snapshot_lower_bound(const Snapshot *snapshot, Bdf bdf)
{
        size_t low = 0, high = snapshot->n_devices;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (bdf_compare(snapshot->devices[middle].bdf, bdf) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static size_t find_bdf(const Snapshot *snapshot, Bdf bdf)
{
        size_t index = snapshot_lower_bound(snapshot, bdf);

        return index < snapshot->n_devices && bdf_equal(snapshot->devices[index].bdf, bdf)
                       ? index
                       : SNAPSHOT_NONE;
}

size_t snapshot_find(const Snapshot *snapshot, Bdf bdf)
{
        return snapshot->finished ? find_bdf(snapshot, bdf) : SNAPSHOT_NONE;
}

/*
 * Resolves one device's links. A virtual function is never a bridge or a physical function; a VMD
 * endpoint uses its own requester id.
 */
static void resolve_links(Snapshot *snapshot, PciDevice *device)
{
        const PciDevice *devices = snapshot->devices;
        size_t parent = SNAPSHOT_NONE, physfn = SNAPSHOT_NONE, real_dma = SNAPSHOT_NONE;

        if (device->place.has_parent && !bdf_equal(device->place.parent_bdf, device->bdf))
                parent = find_bdf(snapshot, device->place.parent_bdf);
        if (parent != SNAPSHOT_NONE && devices[parent].place.is_vf)
                parent = SNAPSHOT_NONE;

        if (device->place.is_vf)
                physfn = find_bdf(snapshot, device->place.physfn_bdf);
        if (physfn != SNAPSHOT_NONE && devices[physfn].place.is_vf)
                physfn = SNAPSHOT_NONE;

        if (device->place.has_real_dma && !bdf_equal(device->place.real_dma_bdf, device->bdf))
                real_dma = find_bdf(snapshot, device->place.real_dma_bdf);
        if (real_dma != SNAPSHOT_NONE &&
            (devices[real_dma].place.is_vf || devices[real_dma].place.has_real_dma))
                real_dma = SNAPSHOT_NONE;

        device->parent = parent;
        device->physfn = physfn;
        device->real_dma = real_dma;
}

static size_t place_above(const PciDevice *device)
{
        return device->parent != SNAPSHOT_NONE ? device->parent : device->real_dma;
}

/* The state of a device in the ordering walk. */
typedef enum Visit {
        VISIT_NONE = 0,
        VISIT_ON_PATH,
        VISIT_DONE,
} Visit;

/*
 * Climbs from `index` to the first device that is in the order already, or to the top, and adds
 * the passed devices from the top down. Cuts a link that leads back into the climb.
 */
static size_t order_upward(Snapshot *snapshot, size_t index, uint8_t *visits, size_t n_ordered)
{
        PciDevice *devices = snapshot->devices;
        size_t n_path = 0, at;

        for (at = index; at != SNAPSHOT_NONE && visits[at] == VISIT_NONE;) {
                size_t above = place_above(&devices[at]);

                visits[at] = VISIT_ON_PATH;
                n_path++;
                if (above != SNAPSHOT_NONE && visits[above] == VISIT_ON_PATH) {
                        devices[at].parent = devices[at].real_dma = SNAPSHOT_NONE;
                        above = SNAPSHOT_NONE;
                }
                at = above;
        }

        at = index;
        for (size_t i = n_path; i > 0; i--) {
                snapshot->probe_order[n_ordered + i - 1] = at;
                visits[at] = VISIT_DONE;
                at = place_above(&devices[at]);
        }
        return n_ordered + n_path;
}

static int order_devices(Snapshot *snapshot)
{
        _cleanup_(freep) uint8_t *visits = calloc(snapshot->n_devices + 1, sizeof(*visits));
        size_t *order = calloc(snapshot->n_devices + 1, sizeof(*order));
        size_t n_ordered = 0;

        if (!order)
                return -ENOMEM;
        free(snapshot->probe_order);
        snapshot->probe_order = order;
        if (!visits)
                return -ENOMEM;

        for (size_t i = 0; i < snapshot->n_devices; i++)
                n_ordered = order_upward(snapshot, i, visits, n_ordered);
        return 0;
}

/*
 * Does the kernel treat the device as one function of several? Yes, if bit 7 of the header type is
 * set, or if its function number is above 0. Below a port there is only device 0, so any other
 * number is an ARI function (PCIe 6.13). Virtual functions never count.
 */
static Tristate derive_multifunction(const PciDevice *device, const PciDevice *parent)
{
        if (device->place.is_vf)
                return TRISTATE_NO;
        if (bdf_function(device->bdf) > 0)
                return TRISTATE_YES;
        if (device->bdf.devfn > 0 && parent && device->facts.caps.ari != TRISTATE_NO &&
            parent->facts.pcie == TRISTATE_YES &&
            (parent->pcie_type == PCIE_TYPE_ROOT_PORT || parent->pcie_type == PCIE_TYPE_DOWNSTREAM))
                return TRISTATE_YES;
        if (device->facts.header_known != TRISTATE_YES)
                return TRISTATE_UNKNOWN;
        return device->facts.multifunction_bit;
}

/*
 * Some switches report their upstream port as a downstream port or the reverse. As in the kernel,
 * the port above decides (kernel-facts 1.1); if that is unknown, so is this.
 */
static void derive_pcie_type(PciDevice *device, const PciDevice *parent)
{
        uint8_t type = device->facts.pcie_type;

        device->pcie_type = type;
        device->pcie_type_uncertain = false;
        if (type != PCIE_TYPE_UPSTREAM && type != PCIE_TYPE_DOWNSTREAM)
                return;
        if (!parent) {
                device->pcie_type_uncertain = device->place.has_parent;
                return;
        }
        if (parent->facts.pcie != TRISTATE_YES) {
                device->pcie_type_uncertain = parent->facts.pcie == TRISTATE_UNKNOWN;
                return;
        }

        device->pcie_type_uncertain = parent->pcie_type_uncertain;
        if (type == PCIE_TYPE_UPSTREAM) {
                if (parent->pcie_type == PCIE_TYPE_UPSTREAM)
                        device->pcie_type = PCIE_TYPE_DOWNSTREAM;
        } else if (parent->pcie_type == PCIE_TYPE_ROOT_PORT ||
                   parent->pcie_type == PCIE_TYPE_DOWNSTREAM ||
                   parent->pcie_type == PCIE_TYPE_PCI_TO_PCIE) {
                device->pcie_type = PCIE_TYPE_UPSTREAM;
        }
}

static void derive_facts(Snapshot *snapshot)
{
        PciDevice *devices = snapshot->devices;

        snapshot->has_lost = false;
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                PciDevice *device = &devices[snapshot->probe_order[i]];
                size_t above = place_above(device);
                const PciDevice *parent =
                        device->parent != SNAPSHOT_NONE ? &devices[device->parent] : NULL;

                device->depth = above != SNAPSHOT_NONE ? devices[above].depth + 1 : 0;
                derive_pcie_type(device, parent);
                device->multifunction = derive_multifunction(device, parent);
                snapshot->has_lost |=
                        device->place.has_real_dma && device->real_dma == SNAPSHOT_NONE;
        }
}

int snapshot_finish(Snapshot *snapshot)
{
        int r;

        snapshot->finished = false;
        r = sort_devices(snapshot);
        if (r < 0)
                return r;

        for (size_t i = 0; i < snapshot->n_devices; i++)
                resolve_links(snapshot, &snapshot->devices[i]);
        r = order_devices(snapshot);
        if (r < 0)
                return r;
        derive_facts(snapshot);
        r = path_mark_displaced(snapshot);
        if (r < 0)
                return r;

        snapshot->finished = true;
        return 0;
}

static int kernel_group_compare(const void *a, const void *b)
{
        const KernelGroup *x = a, *y = b;

        return (x->number > y->number) - (x->number < y->number);
}

const KernelGroup *snapshot_kernel_group(const Snapshot *snapshot, int32_t number)
{
        const KernelGroup key = {.number = number};

        if (snapshot->n_kernel_groups == 0)
                return NULL;
        return bsearch(&key, snapshot->kernel_groups, snapshot->n_kernel_groups, sizeof(key),
                       kernel_group_compare);
}

const char *snapshot_group_type(const Snapshot *snapshot, int32_t number)
{
        const KernelGroup *group = snapshot_kernel_group(snapshot, number);

        return group ? group->type : "";
}

IommuKind iommu_kind_from_name(const char *name)
{
        Bdf bdf;

        if (name[0] == '\0')
                return IOMMU_KIND_NONE;
        if (strncmp(name, "dmar", 4) == 0)
                return IOMMU_KIND_DMAR;
        if (strncmp(name, "ivhd", 4) == 0)
                return IOMMU_KIND_IVHD;
        if (strncmp(name, "smmu3", 5) == 0)
                return IOMMU_KIND_SMMU3;
        /* A virtio-iommu has the name of its virtio device. */
        if (strncmp(name, "virtio", 6) == 0 || strstr(name, ".virtio_mmio") ||
            bdf_parse(name, &bdf))
                return IOMMU_KIND_VIRTIO;
        return IOMMU_KIND_OTHER;
}

const char *iommu_kind_to_string(IommuKind kind)
{
        switch (kind) {
        case IOMMU_KIND_NONE:
                return "none";
        case IOMMU_KIND_DMAR:
                return "dmar";
        case IOMMU_KIND_IVHD:
                return "ivhd";
        case IOMMU_KIND_VIRTIO:
                return "virtio";
        case IOMMU_KIND_SMMU3:
                return "smmu3";
        case IOMMU_KIND_OTHER:
                return "other";
        }
        return "other";
}
