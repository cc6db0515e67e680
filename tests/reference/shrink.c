/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One change at a time, large ones first: remove everything below a device, remove the device
 * alone, then reset the special facts of a device. A change that loses the fault is undone.
 */

#include "shrink.h"
#include "topology.h"

#include <stdio.h>
#include <string.h>

enum {
        PLAIN_IDS,
        PLAIN_ACS_NONE,
        PLAIN_ACS_FULL,
        PLAIN_ARI,
        PLAIN_PCH,
        PLAIN_MULTIFUNCTION,
        PLAIN_NOT_VF,
        PLAIN_ENDPOINT,
        PLAIN_NO_ALIAS,
        PLAIN_N,
};

static Snapshot *empty_like(const Snapshot *snapshot)
{
        Snapshot *copy = NULL;

        if (snapshot_new(&copy) < 0)
                abort();
        copy->ivrs = snapshot->ivrs;
        memcpy(copy->kernel_release, snapshot->kernel_release, SNAPSHOT_NAME_SIZE);
        return copy;
}

static bool is_below(const Snapshot *snapshot, size_t index, size_t above)
{
        while (index != SNAPSHOT_NONE && index != above)
                index = snapshot->devices[index].parent;
        return index == above;
}

static void make_plain(PciDevice *device, unsigned what)
{
        PciFacts *facts = &device->facts;

        switch (what) {
        case PLAIN_IDS:
                device->ids.vendor = 0xabcd;
                device->ids.device = 1;
                break;
        case PLAIN_ACS_NONE:
                facts->acs.present = TRISTATE_NO;
                facts->acs.cap = facts->acs.ctrl = 0;
                break;
        case PLAIN_ACS_FULL:
                facts->acs.present = TRISTATE_YES;
                facts->acs.cap = facts->acs.ctrl = 0x1d;
                break;
        case PLAIN_ARI:
                facts->caps.ari = TRISTATE_NO;
                break;
        case PLAIN_PCH:
                facts->pch_redirect = TRISTATE_UNKNOWN;
                break;
        case PLAIN_MULTIFUNCTION:
                facts->multifunction_bit = TRISTATE_NO;
                break;
        case PLAIN_NOT_VF:
                device->place.is_vf = false;
                break;
        case PLAIN_ENDPOINT:
                facts->pcie_type = PCIE_TYPE_ENDPOINT;
                break;
        case PLAIN_NO_ALIAS:
                device->place.has_ivrs_alias = false;
                break;
        default:
                break;
        }
}

/* Devices below `gone` move up to the bridge above it. */
static void hang_higher(PciDevice *device, const PciDevice *gone)
{
        if (!device->place.has_parent || !bdf_equal(device->place.parent_bdf, gone->bdf))
                return;
        device->place.has_parent = gone->place.has_parent;
        device->place.parent_bdf = gone->place.parent_bdf;
        device->place.root_bus = gone->place.has_parent ? device->place.root_bus : device->bdf.bus;
}

/*
 * A finished copy without `gone` (and the devices below it, if `subtree`), or with it made plain.
 */
static Snapshot *change(const Snapshot *snapshot, size_t gone, bool subtree, unsigned plain)
{
        Snapshot *copy = empty_like(snapshot);

        for (size_t i = 0; i < snapshot->n_devices; i++) {
                PciDevice device = snapshot->devices[i];

                if (plain == PLAIN_N && (i == gone || (subtree && is_below(snapshot, i, gone))))
                        continue;
                if (i == gone)
                        make_plain(&device, plain);
                else if (gone != SNAPSHOT_NONE && plain == PLAIN_N)
                        hang_higher(&device, &snapshot->devices[gone]);
                if (snapshot_add(copy, &device) < 0)
                        abort();
        }
        if (snapshot_finish(copy) < 0)
                abort();
        return copy;
}

/* Keeps the change if it shows the fault too. */
static bool try(Snapshot **snapshot, Snapshot *changed, ShrinkFault fault, void *context)
{
        if (!fault(changed, context)) {
                snapshot_free(changed);
                return false;
        }
        snapshot_free(*snapshot);
        *snapshot = changed;
        return true;
}

static bool is_equal(const PciDevice *a, const PciDevice *b)
{
        return a->ids.vendor == b->ids.vendor && a->ids.device == b->ids.device &&
               a->place.is_vf == b->place.is_vf &&
               a->place.has_ivrs_alias == b->place.has_ivrs_alias &&
               topology_facts_equal(&a->facts, &b->facts);
}

static void take_out(Snapshot **snapshot, ShrinkFault fault, void *context)
{
        bool smaller = true;

        while (smaller) {
                smaller = false;
                for (int subtree = 1; subtree >= 0; subtree--)
                        for (size_t i = 0; i < (*snapshot)->n_devices;) {
                                Snapshot *changed = change(*snapshot, i, subtree, PLAIN_N);

                                if (try(snapshot, changed, fault, context))
                                        smaller = true;
                                else
                                        i++;
                        }
        }
}

Snapshot *shrink(const Snapshot *snapshot, ShrinkFault fault, void *context)
{
        Snapshot *small = change(snapshot, SNAPSHOT_NONE, false, PLAIN_N);

        take_out(&small, fault, context);
        for (size_t i = 0; i < small->n_devices; i++)
                for (unsigned plain = 0; plain < PLAIN_N; plain++) {
                        PciDevice device = small->devices[i];

                        make_plain(&device, plain);
                        if (!is_equal(&device, &small->devices[i]))
                                (void)try(&small, change(small, i, false, plain), fault, context);
                }
        take_out(&small, fault, context); /* special facts may have needed them */
        return small;
}

void shrink_print(const Snapshot *snapshot)
{
        printf("# kernel %s, ivrs %d\n", snapshot->kernel_release, snapshot->ivrs);
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];
                const PciFacts *facts = &device->facts;
                char text[BDF_TEXT_SIZE];

                printf("# %s", bdf_format(device->bdf, text));
                if (device->place.has_parent)
                        printf(" below %s", bdf_format(device->place.parent_bdf, text));
                if (device->place.is_vf)
                        printf(" vf of %s", bdf_format(device->place.physfn_bdf, text));
                if (device->place.has_real_dma)
                        printf(" vmd %s", bdf_format(device->place.real_dma_bdf, text));
                if (device->place.has_ivrs_alias)
                        printf(" sends as %02x", device->place.ivrs_alias_devfn);
                printf(": %04x:%04x pcie %d type %d, acs %d %02x/%02x (%02x), header %d %d%s, "
                       "ari %d, pch %d\n",
                       device->ids.vendor, device->ids.device, facts->pcie, facts->pcie_type,
                       facts->acs.present, facts->acs.ctrl, facts->acs.cap, facts->acs.dword8,
                       facts->header_known, facts->header_type,
                       facts->multifunction_bit == TRISTATE_YES ? " multifunction" : "",
                       facts->caps.ari, facts->pch_redirect);
        }
}
