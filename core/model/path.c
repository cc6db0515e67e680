/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Steps and places.
 *
 * The device above another on its path is the physical function of a virtual one, the VMD endpoint
 * of a VMD child on the domain's root bus, else its bridge. In a real machine each of these has
 * one bus below it; in a forged tree it may have several, of which only the first counts.
 */

#include "core/model/path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* "ffffffff:ff", and a step with its slash: "/@ffffffff:ff:1f.7", "/vf4294967295". */
#define STEP_TEXT_SIZE (BDF_TEXT_SIZE + 2)

static bool is_vf_place(const PciDevice *device)
{
        return device->place.is_vf && device->physfn != SNAPSHOT_NONE &&
               device->place.vf_index != VF_INDEX_NONE;
}

static size_t step_above(const Snapshot *snapshot, size_t index)
{
        const PciDevice *device = &snapshot->devices[index];

        if (is_vf_place(device))
                return device->physfn;
        return device->parent != SNAPSHOT_NONE ? device->parent : device->real_dma;
}

/*
 * Is the device's step ambiguous: is its bridge missing, or is its bus not the first of its
 * bridge?
 */
static bool is_off_bus(const PciDevice *device, Bdf first)
{
        if (device->place.is_vf)
                return true; /* VFs with a known place are compared by number */
        if (device->place.has_parent && device->parent == SNAPSHOT_NONE)
                return true;
        if (device->parent == SNAPSHOT_NONE && device->real_dma == SNAPSHOT_NONE)
                return device->bdf.domain != device->place.root_domain ||
                       device->bdf.bus != device->place.root_bus;
        return device->bdf.domain != first.domain || device->bdf.bus != first.bus;
}

typedef struct VfPlace {
        size_t physfn;
        unsigned number;
        size_t index;
} VfPlace;

static int vf_place_compare(const void *a, const void *b)
{
        const VfPlace *x = a, *y = b;

        if (x->physfn != y->physfn)
                return x->physfn < y->physfn ? -1 : 1;
        if (x->number != y->number)
                return x->number < y->number ? -1 : 1;
        return x->index < y->index ? -1 : x->index > y->index;
}

/* Of several VFs with the same number below one PF, all but the first are displaced. */
static int mark_displaced_vfs(Snapshot *snapshot)
{
        _cleanup_(freep) VfPlace *places = NULL;
        size_t n = 0;

        for (size_t i = 0; i < snapshot->n_devices; i++)
                n += is_vf_place(&snapshot->devices[i]);
        if (n == 0)
                return 0;

        places = calloc(n, sizeof(*places));
        if (!places)
                return -ENOMEM;

        n = 0;
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];

                if (is_vf_place(device))
                        places[n++] = (VfPlace){device->physfn, device->place.vf_index, i};
        }
        qsort(places, n, sizeof(*places), vf_place_compare);

        for (size_t i = 0; i < n; i++)
                snapshot->devices[places[i].index].is_displaced =
                        i > 0 && places[i - 1].physfn == places[i].physfn &&
                        places[i - 1].number == places[i].number;
        return 0;
}

int path_mark_displaced(Snapshot *snapshot)
{
        size_t n = snapshot->n_devices;
        _cleanup_(freep) Bdf *first = calloc(n + 1, sizeof(*first));
        _cleanup_(freep) bool *has_first = calloc(n + 1, sizeof(*has_first));

        if (!first || !has_first)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                PciDevice *device = &snapshot->devices[i];
                size_t above = step_above(snapshot, i);

                if (above != SNAPSHOT_NONE && !device->place.is_vf && !has_first[above]) {
                        has_first[above] = true;
                        first[above] = device->bdf;
                }
                device->is_displaced =
                        is_off_bus(device, above != SNAPSHOT_NONE ? first[above] : device->bdf);
        }

        return mark_displaced_vfs(snapshot);
}

/* Writes one step with its slash; returns its length. */
static size_t step_format(const PciDevice *device, char text[static STEP_TEXT_SIZE])
{
        char bdf[BDF_TEXT_SIZE];
        int n;

        if (!device->is_displaced && !device->place.is_vf) {
                const char *end = strchr(bdf_format(device->bdf, bdf), '\0');

                memcpy(text, end - strlen("/1f.7"), sizeof("/1f.7"));
                text[0] = '/';
                return strlen("/1f.7");
        }
        if (device->is_displaced)
                n = snprintf(text, STEP_TEXT_SIZE, "/@%s", bdf_format(device->bdf, bdf));
        else
                n = snprintf(text, STEP_TEXT_SIZE, "/vf%u", device->place.vf_index);
        return n > 0 ? (size_t)n : 0;
}

size_t path_write(const Snapshot *snapshot, size_t index, char *text, size_t size)
{
        char root[BDF_TEXT_SIZE], step[STEP_TEXT_SIZE];
        size_t length = 0, n_root, end, top = index;
        const PciDevice *device;

        for (size_t i = index; i != SNAPSHOT_NONE; i = step_above(snapshot, i)) {
                length += step_format(&snapshot->devices[i], step);
                top = i;
        }
        /* A root bus has the form of the start of an address. */
        device = &snapshot->devices[top];
        bdf_format((Bdf){device->place.root_domain, device->place.root_bus, 0}, root);
        n_root = strlen(root) - strlen(":00.0");
        length += n_root;
        if (size <= length)
                return length;

        /* Fills the text from the end, because the climb starts at the last step. */
        memcpy(text, root, n_root);
        text[length] = '\0';
        end = length;
        for (size_t i = index; i != SNAPSHOT_NONE; i = step_above(snapshot, i)) {
                size_t n = step_format(&snapshot->devices[i], step);

                end -= n;
                memcpy(text + end, step, n);
        }
        return length;
}

char *snapshot_path(const Snapshot *snapshot, size_t index)
{
        size_t length = path_write(snapshot, index, NULL, 0);
        char *path = malloc(length + 1);

        if (path)
                (void)path_write(snapshot, index, path, length + 1);
        return path;
}

static size_t count_steps(const Snapshot *snapshot, size_t index)
{
        size_t n = 0;

        for (size_t i = step_above(snapshot, index); i != SNAPSHOT_NONE;
             i = step_above(snapshot, i))
                n++;
        return n;
}

/* Orders two devices below the same step, or both on root buses. */
static int step_compare(const PciDevice *a, const PciDevice *b)
{
        if (a->place.root_domain != b->place.root_domain)
                return a->place.root_domain < b->place.root_domain ? -1 : 1;
        if (a->place.root_bus != b->place.root_bus)
                return a->place.root_bus < b->place.root_bus ? -1 : 1;
        if (a->is_displaced != b->is_displaced)
                return a->is_displaced ? 1 : -1;
        if (a->place.is_vf != b->place.is_vf)
                return a->place.is_vf ? 1 : -1;
        if (!a->is_displaced && a->place.is_vf && a->place.vf_index != b->place.vf_index)
                return a->place.vf_index < b->place.vf_index ? -1 : 1;
        if (!a->place.is_vf && a->bdf.devfn != b->bdf.devfn)
                return (int)a->bdf.devfn - (int)b->bdf.devfn;
        return bdf_compare(a->bdf, b->bdf);
}

int path_compare(const Snapshot *snapshot, size_t a, size_t b)
{
        const PciDevice *devices = snapshot->devices;
        size_t n_a, n_b;

        if (a == b)
                return 0;
        if (devices[a].depth != devices[b].depth)
                return devices[a].depth < devices[b].depth ? -1 : 1;

        /* Climbs to the point where the two paths divide; at equal depth, one may still be a VF. */
        n_a = count_steps(snapshot, a);
        n_b = count_steps(snapshot, b);
        if (n_a != n_b)
                return n_a < n_b ? -1 : 1;
        while (n_a > 0 && step_above(snapshot, a) != step_above(snapshot, b)) {
                a = step_above(snapshot, a);
                b = step_above(snapshot, b);
                n_a--;
        }
        return step_compare(&devices[a], &devices[b]);
}
