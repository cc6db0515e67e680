/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The kernel unlinks a driver before it calls the driver's remove function. So a reading never
 * shows a VF as gone before it shows that its PF was unbound. In sysfs, a PF drops the link to a
 * VF first; then the VF's driver goes, and then the VF, which may take until every process has
 * closed it.
 */

#include "core/model/loss.h"

#include "core/model/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

unsigned vf_place_count(const Snapshot *snapshot, Bdf pf)
{
        unsigned n = 0;

        for (size_t i = 0; i < snapshot->n_devices; i++)
                n += snapshot->devices[i].place.is_vf &&
                     bdf_equal(snapshot->devices[i].place.physfn_bdf, pf);
        return n;
}

bool vf_place_find(const Snapshot *snapshot, size_t index, VfPlace *ret_place)
{
        const PciDevice *vf = &snapshot->devices[index];
        VfPlace place = {.pf = vf->place.physfn_bdf, .index = vf->place.vf_index};

        if (!vf->place.is_vf || vf->physfn == SNAPSHOT_NONE)
                return false;
        place.n_vfs = vf_place_count(snapshot, place.pf);
        place.vendor = vf->ids.vendor;
        place.device = vf->ids.device;
        (void)snprintf(place.pf_driver, sizeof(place.pf_driver), "%s",
                       snapshot->devices[vf->physfn].sysfs.driver);
        *ret_place = place;
        return true;
}

bool vf_place_fits(const VfPlace *place, const Snapshot *snapshot, size_t index)
{
        VfPlace other;

        return vf_place_find(snapshot, index, &other) && bdf_equal(place->pf, other.pf) &&
               place->index == other.index && place->index != VF_INDEX_NONE &&
               place->vendor == other.vendor && place->device == other.device;
}

bool vf_place_is_shared(const Snapshot *snapshot, size_t index)
{
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (i != index && snapshot->devices[i].kernel_group >= 0 &&
                    snapshot->devices[i].kernel_group == snapshot->devices[index].kernel_group)
                        return true;
        return false;
}

/* The device of that address, or NULL. */
static const PciDevice *find(const Snapshot *snapshot, Bdf bdf)
{
        size_t index = snapshot ? snapshot_find(snapshot, bdf) : SNAPSHOT_NONE;

        return index == SNAPSHOT_NONE ? NULL : &snapshot->devices[index];
}

/* The last driver of the PF. */
static const char *pf_driver_before(const Loss *loss)
{
        const PciDevice *pf = find(loss->before, loss->place->pf);

        return pf && pf->sysfs.driver[0] ? pf->sysfs.driver : loss->place->pf_driver;
}

static bool is_pf_unbound(const Loss *loss, const PciDevice *pf)
{
        const char *before = pf_driver_before(loss);

        return before[0] && strcmp(before, pf->sysfs.driver) != 0;
}

/* Is the device in both readings, and was it never gone in between? */
static bool has_stayed(const Loss *loss, const PciDevice *device)
{
        const PciDevice *before = find(loss->before, loss->bdf);

        return before && before->sysfs.inode != 0 && before->sysfs.inode == device->sysfs.inode;
}

/* Is a VF about to be removed? Its PF has dropped the link already. */
static bool is_ending(const Loss *loss, const PciDevice *device)
{
        return loss->place && !device->place.is_vf && has_stayed(loss, device);
}

bool loss_is_settled(const Loss *loss)
{
        const PciDevice *device = find(loss->now, loss->bdf);
        const PciDevice *pf = loss->place ? find(loss->now, loss->place->pf) : NULL;
        const PciDevice *pf_before = loss->place ? find(loss->before, loss->place->pf) : NULL;

        /* A device, or the PF of a VF, that loses its driver may be about to go. */
        if (device && has_stayed(loss, device) && !is_ending(loss, device))
                return strcmp(find(loss->before, loss->bdf)->sysfs.driver, device->sysfs.driver) ==
                       0;
        if (!pf || !pf_before || (device && !is_ending(loss, device)))
                return true;
        return strcmp(pf_before->sysfs.driver, pf->sysfs.driver) == 0 &&
               (device || vf_place_count(loss->now, loss->place->pf) ==
                                  vf_place_count(loss->before, loss->place->pf));
}

LossCause loss_find_cause(const Loss *loss)
{
        const PciDevice *device = find(loss->now, loss->bdf);
        const PciDevice *pf;

        if (device && has_stayed(loss, device) && !is_ending(loss, device))
                return LOSS_DRIVER;
        if (!loss->place)
                return device ? LOSS_REPLACED : LOSS_UNPLUGGED;
        pf = find(loss->now, loss->place->pf);
        if (!pf)
                return LOSS_PF_GONE;
        if (is_pf_unbound(loss, pf))
                return LOSS_PF_UNBOUND;
        /* The kernel removes all VFs of a PF or none. */
        if (device || vf_place_count(loss->now, loss->place->pf) == 0)
                return LOSS_NUMVFS;
        return LOSS_UNPLUGGED;
}

bool loss_is_final(const Loss *loss)
{
        switch (loss_find_cause(loss)) {
        case LOSS_UNPLUGGED:
                return !loss->place;
        case LOSS_REPLACED:
        case LOSS_NUMVFS:
        case LOSS_PF_GONE:
                return true;
        case LOSS_DRIVER:
        case LOSS_PF_UNBOUND:
        case _LOSS_N:
                break;
        }
        return false;
}

char *loss_describe(const Loss *loss)
{
        char pf[BDF_TEXT_SIZE] = "";

        if (loss->place)
                (void)bdf_format(loss->place->pf, pf);
        switch (loss_find_cause(loss)) {
        case LOSS_UNPLUGGED:
                return text_print("unplugged or removed");
        case LOSS_REPLACED:
                return text_print("unplugged or removed, and now back in its place");
        case LOSS_DRIVER:
                return text_print("its driver vfio-pci was unbound");
        case LOSS_NUMVFS:
                if (!find(loss->now, loss->bdf) || is_ending(loss, find(loss->now, loss->bdf)))
                        return text_print("sriov_numvfs of %s went from %u to 0", pf,
                                          loss->place->n_vfs);
                return text_print("sriov_numvfs of %s went from %u to 0 and to %u", pf,
                                  loss->place->n_vfs, vf_place_count(loss->now, loss->place->pf));
        case LOSS_PF_UNBOUND:
                return text_print("%s was unbound from %s", pf, pf_driver_before(loss));
        case LOSS_PF_GONE:
                return text_print("%s is gone too", pf);
        case _LOSS_N:
                break;
        }
        return NULL;
}

int loss_describe_pf(const Loss *loss, char **ret_text)
{
        const PciDevice *before = find(loss->before, loss->place->pf);
        const PciDevice *now = find(loss->now, loss->place->pf);
        char pf[BDF_TEXT_SIZE];
        unsigned n_before, n_now;

        *ret_text = NULL;
        if (!before)
                return 0;
        (void)bdf_format(loss->place->pf, pf);
        n_before = vf_place_count(loss->before, loss->place->pf);
        n_now = vf_place_count(loss->now, loss->place->pf);
        if (!now)
                *ret_text = text_print("%s is gone", pf);
        else if (before->sysfs.driver[0] && strcmp(before->sysfs.driver, now->sysfs.driver) != 0)
                *ret_text =
                        text_print("%s was unbound from %s%s%s", pf, before->sysfs.driver,
                                   now->sysfs.driver[0] ? " and bound to " : "", now->sysfs.driver);
        else if (strcmp(before->sysfs.driver, now->sysfs.driver) != 0)
                *ret_text = text_print("%s was bound to %s", pf, now->sysfs.driver);
        else if (n_now < n_before)
                *ret_text = text_print("%u of %u virtual functions of %s are left", n_now, n_before,
                                       pf);
        else
                return 0;
        return *ret_text ? 0 : -ENOMEM;
}
