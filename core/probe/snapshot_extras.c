/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Growing lists, their canonical order, and unknown bridges. */

#include "core/probe/snapshot_extras.h"

#include <errno.h>
#include <string.h>

#define EXTRAS_MAX ((size_t)1 << 20)
#define ROOM_LEAST ((size_t)16)

/* Makes room for one more element; doubles the capacity when the list is full. */
static int grow(void **list, size_t n, size_t size)
{
        size_t room = n < ROOM_LEAST ? ROOM_LEAST : n * 2;
        void *larger;

        if (n >= EXTRAS_MAX)
                return -E2BIG;
        if (n != 0 && (n < ROOM_LEAST || (n & (n - 1)) != 0))
                return 0;
        larger = realloc(*list, room * size);
        if (!larger)
                return -ENOMEM;
        *list = larger;
        return 0;
}

/* Makes names printable ASCII: forged input may have any bytes, and the order must be stable. */
static void clean_name(char *name)
{
        for (char *p = name; *p; p++)
                if (*p < ' ' || *p > '~')
                        *p = '?';
}

int snapshot_add_group(Snapshot *snapshot, const KernelGroup *group)
{
        void *list = snapshot->kernel_groups;
        int r = grow(&list, snapshot->n_kernel_groups, sizeof(*group));

        if (r < 0)
                return r;
        snapshot->kernel_groups = list;
        snapshot->kernel_groups[snapshot->n_kernel_groups] = *group;
        clean_name(snapshot->kernel_groups[snapshot->n_kernel_groups++].type);
        return 0;
}

int snapshot_add_slot(Snapshot *snapshot, const PciSlot *slot)
{
        void *list = snapshot->slots;
        int r = grow(&list, snapshot->n_slots, sizeof(*slot));

        if (r < 0)
                return r;
        snapshot->slots = list;
        snapshot->slots[snapshot->n_slots] = *slot;
        clean_name(snapshot->slots[snapshot->n_slots++].name);
        return 0;
}

bool snapshot_parent_is_unknown(const Snapshot *snapshot, const PciDevice *device)
{
        const Bdf above = device->place.parent_bdf;

        if (!device->place.has_parent || device->parent != SNAPSHOT_NONE ||
            above.domain != device->bdf.domain || above.bus != device->bdf.bus)
                return false;
        return bdf_equal(above, device->bdf) || snapshot_find(snapshot, above) == SNAPSHOT_NONE;
}

/* The highest free address on the bus; false if all 256 are used. */
static bool find_free(const Snapshot *snapshot, Bdf bdf, Bdf *ret)
{
        for (unsigned devfn = 256; devfn-- > 0;) {
                bdf.devfn = (uint8_t)devfn;
                if (snapshot_find(snapshot, bdf) == SNAPSHOT_NONE) {
                        *ret = bdf;
                        return true;
                }
        }
        return false;
}

void snapshot_share_unknown_parents(Snapshot *snapshot)
{
        const Bdf none = {0};
        Bdf shared = none, bus = none;
        bool has_shared = false;

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                PciDevice *device = &snapshot->devices[i];

                if (!snapshot_parent_is_unknown(snapshot, device))
                        continue;
                if (!has_shared || bus.domain != device->bdf.domain || bus.bus != device->bdf.bus) {
                        bus = device->bdf;
                        has_shared = find_free(snapshot, bus, &shared);
                }
                if (has_shared)
                        device->place.parent_bdf = shared;
        }
}

int snapshot_complete_domains(Snapshot *snapshot)
{
        bool changed = false;

        for (size_t first = 0, end; first < snapshot->n_devices; first = end) {
                PciDevice *devices = snapshot->devices;
                Bdf endpoint = devices[first].bdf; /* of the domain itself: means unknown */

                for (end = first; end < snapshot->n_devices &&
                                  devices[end].bdf.domain == devices[first].bdf.domain;
                     end++)
                        if (devices[end].place.has_real_dma)
                                endpoint = devices[end].place.real_dma_bdf;
                for (size_t i = first; i < end; i++) {
                        if (devices[i].place.has_real_dma ||
                            devices[i].bdf.domain < VMD_DOMAIN_FIRST)
                                continue;
                        devices[i].place.has_real_dma = changed = true;
                        devices[i].place.real_dma_bdf = endpoint;
                }
        }
        return changed ? snapshot_finish(snapshot) : 0;
}

static int group_compare(const void *a, const void *b)
{
        const KernelGroup *x = a, *y = b;
        int order = (x->number > y->number) - (x->number < y->number);

        if (order == 0)
                order = strcmp(x->type, y->type);
        return order != 0 ? order : (int)x->direct - (int)y->direct;
}

static int slot_compare(const void *a, const void *b)
{
        const PciSlot *x = a, *y = b;
        int order = strcmp(x->name, y->name);

        return order != 0 ? order : bdf_compare(x->bdf, y->bdf);
}

/* If the input has two entries for one group, keeps the first in order. */
static size_t unique_groups(KernelGroup *groups, size_t n)
{
        size_t kept = 0;

        for (size_t i = 0; i < n; i++)
                if (kept == 0 || groups[kept - 1].number != groups[i].number)
                        groups[kept++] = groups[i];
        return kept;
}

static size_t unique_slots(PciSlot *slots, size_t n)
{
        size_t kept = 0;

        for (size_t i = 0; i < n; i++)
                if (kept == 0 || slot_compare(&slots[kept - 1], &slots[i]) != 0)
                        slots[kept++] = slots[i];
        return kept;
}

void snapshot_sort_extras(Snapshot *snapshot)
{
        if (snapshot->n_kernel_groups > 0)
                qsort(snapshot->kernel_groups, snapshot->n_kernel_groups,
                      sizeof(*snapshot->kernel_groups), group_compare);
        snapshot->n_kernel_groups =
                unique_groups(snapshot->kernel_groups, snapshot->n_kernel_groups);
        if (snapshot->n_slots > 0)
                qsort(snapshot->slots, snapshot->n_slots, sizeof(*snapshot->slots), slot_compare);
        snapshot->n_slots = unique_slots(snapshot->slots, snapshot->n_slots);
}
