/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The kernel shows sriov_numvfs under the lock that writers hold, so a value is never read while it
 * changes.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/model/strength.h"
#include "daemon/guard/recreate.h"
#include "daemon/guard/seal.h"
#include "daemon/host/critical.h"
#include "daemon/host/driver.h"
#include "daemon/host/vf_settings.h"
#include "daemon/lease/steps.h"
#include "daemon/lease/vfs.h"

/* Reads a number of a device, with its base as its prefix says. Returns 0 or -errno. */
static int read_number(const HostPaths *host, Bdf bdf, const char *name, unsigned long *ret_number)
{
        _cleanup_(freep) char *text = NULL;

        int r = host_read_device(host, bdf, name, &text);
        if (r == 0)
                *ret_number = strtoul(text, NULL, 0);
        return r;
}

/* Writes the number of VFs back, if there are none. */
static int write_numvfs(const HostPaths *host, const VfPlace *place, char **ret_message)
{
        char number[16], text[BDF_TEXT_SIZE];
        unsigned long now = 0;

        int r = read_number(host, place->pf, "sriov_numvfs", &now);
        if (r < 0 || now != 0)
                return r;
        (void)snprintf(number, sizeof(number), "%u", place->n_vfs);
        int w = host_write_device(host, place->pf, "sriov_numvfs", number);
        r = read_number(host, place->pf, "sriov_numvfs", &now);
        if (r < 0 || now == place->n_vfs)
                return r;
        return host_refuse_write(w, ret_message, "%s: sriov_numvfs is %lu, not %u",
                                 bdf_format(place->pf, text), now, place->n_vfs);
}

/* Whether the function at the VF's address is the one that was there. */
static int check_identity(const HostPaths *host, const LeaseVf *vf, char **ret_message)
{
        unsigned long vendor = 0, device = 0;
        char text[BDF_TEXT_SIZE];
        unsigned number = 0;
        Bdf pf = {0};

        int r = vf_settings_find(host, vf->bdf, &pf, &number);
        if (r == 0)
                r = read_number(host, vf->bdf, "vendor", &vendor);
        if (r == 0)
                r = read_number(host, vf->bdf, "device", &device);
        if (r < 0 && r != -ENOENT)
                return r;
        if (r == 0 && bdf_equal(pf, vf->place.pf) && number == vf->place.index &&
            vendor == vf->place.vendor && device == vf->place.device)
                return 0;
        return host_refuse(REFUSAL_CHANGED, ret_message,
                           "%s is not the virtual function that was lost",
                           bdf_format(vf->bdf, text));
}

/* The driver that kept the VF for its owner, and is to do so again. */
static const char *driver_of(const LeaseRecord *record, const LeaseVf *vf)
{
        const LeaseDevice *device = lease_record_find(record, vf->bdf);

        return device ? device->driver : LEASE_DRIVER;
}

static int take_vf(const HostPaths *host, const LeaseVf *vf, const char *ours, char **ret_message)
{
        _cleanup_(freep) char *driver = NULL;

        int r = check_identity(host, vf, ret_message);
        if (r == 0)
                r = driver_read(host, vf->bdf, &driver);
        if (r == 0 && !driver_is_harmless(driver))
                r = critical_check(host, vf->bdf, ret_message);
        if (r == 0)
                r = driver_override_write(host, vf->bdf, ours, ret_message);
        if (r == 0 && strcmp(driver, ours) != 0)
                r = driver_unbind(host, vf->bdf, ret_message);
        if (r == 0)
                r = driver_bind(host, vf->bdf, ours, ret_message);
        if (r == 0)
                r = vf_settings_restore(host, vf->bdf, &vf->settings, ret_message);
        return r;
}

static int claim_vf(const HostPaths *host, const LeaseRecord *record, const LeaseVf *vf,
                    const VfioFds *fds, VfioFds *more, char **ret_message)
{
        _cleanup_(freep) char *group = NULL;
        VfioFds found = {.n_items = 0};

        int r = host_read_device_link(host, vf->bdf, "iommu_group", &group);
        if (r == 0)
                r = vfio_claim_again(host, record->mode, fds, vf->bdf,
                                     (int32_t)strtol(group, NULL, 10), &found, ret_message);
        for (size_t i = 0; i < found.n_items; i++) {
                if (more->n_items < VFIO_FDS_MAX)
                        more->items[more->n_items++] = found.items[i];
                else
                        closep(&found.items[i].fd);
        }
        return r;
}

/*
 * Gives a VF back to the host after a failure at any step. A reserved VF stays reserved. A VF that
 * cannot be given back keeps our override, which shows it.
 */
static void leave_vf(const HostPaths *host, const LeaseRecord *record, const LeaseVf *vf)
{
        _cleanup_(freep) char *override = NULL, *driver = NULL, *message = NULL;
        const LeaseDevice *device = lease_record_find(record, vf->bdf);

        int r = device ? driver_override_read(host, vf->bdf, &override) : -ENOENT;
        if (r < 0 || strcmp(override, device->driver) != 0)
                return;
        r = driver_read(host, vf->bdf, &driver);
        if (r == 0 && strcmp(driver, device->driver) == 0)
                r = driver_unbind(host, vf->bdf, &message);
        free(TAKE_PTR(message));
        if (r == 0)
                r = driver_override_write(host, vf->bdf, device->before.override, &message);
        free(TAKE_PTR(message));
        if (r == 0 && !device->before.override[0])
                (void)!driver_probe_any(host, vf->bdf, &message);
}

/* The PF's other VFs were created without drivers too: offer them to drivers now. */
static void let_others_in(const HostPaths *host, const LeaseRecord *record, const VfPlace *place)
{
        for (unsigned n = 0; n < place->n_vfs; n++) {
                _cleanup_(freep) char *name = NULL, *driver = NULL, *message = NULL;
                char link[32];
                Bdf bdf;

                (void)snprintf(link, sizeof(link), "virtfn%u", n);
                if (host_read_device_link(host, place->pf, link, &name) < 0 ||
                    !bdf_parse(name, &bdf) || lease_record_find_vf(record, bdf) ||
                    driver_read(host, bdf, &driver) < 0)
                        continue;
                if (!driver[0])
                        (void)!driver_probe_any(host, bdf, &message);
        }
}

static int take_all(const HostPaths *host, const LeaseRecord *record, const VfioFds *fds,
                    VfioFds *more, char **ret_message)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < record->n_vfs; i++)
                if (record->vfs[i].returning)
                        r = take_vf(host, &record->vfs[i], driver_of(record, &record->vfs[i]),
                                    ret_message);
        for (size_t i = 0; r == 0 && i < record->n_vfs; i++)
                if (record->vfs[i].returning)
                        r = claim_vf(host, record, &record->vfs[i], fds, more, ret_message);
        return r;
}

/* Clears sriov_drivers_autoprobe of the PFs and creates the VFs. */
static int make_all(const HostPaths *host, const LeaseRecord *record, size_t first,
                    char **ret_message)
{
        int r = 0;

        for (size_t i = first; r == 0 && i < record->n_changes; i++)
                r = seal_switch(host, &record->changes[i], false, ret_message);
        for (size_t i = 0; r == 0 && i < record->n_vfs; i++) {
                const LeaseVf *vf = &record->vfs[i];
                const LeaseDevice *device = lease_record_find(record, vf->bdf);

                if (vf->returning && device && device->loss.recreate)
                        r = write_numvfs(host, &vf->place, ret_message);
        }
        return r;
}

/*
 * Sets sriov_drivers_autoprobe again, and offers the other VFs to drivers. Returns 0, a Refusal or
 * -errno.
 */
static int open_again(const HostPaths *host, const LeaseRecord *record, size_t first,
                      char **ret_message)
{
        int r = 0;

        for (size_t i = first; r == 0 && i < record->n_changes; i++)
                r = seal_switch(host, &record->changes[i], true, ret_message);
        for (size_t i = 0; r == 0 && first < record->n_changes && i < record->n_vfs; i++)
                if (record->vfs[i].returning)
                        let_others_in(host, record, &record->vfs[i].place);
        return r;
}

int recreate_vfs(const HostPaths *host, const LeaseRecord *record, size_t first, VfioFds *fds,
                 char **ret_message)
{
        _cleanup_(vfio_fds_close) VfioFds more = {.n_items = 0};
        _cleanup_(freep) char *message = NULL;

        int r = make_all(host, record, first, ret_message);
        if (r == 0)
                r = take_all(host, record, fds, &more, ret_message);
        if (r != 0) {
                vfio_fds_close(&more);
                for (size_t i = 0; i < record->n_vfs; i++)
                        if (record->vfs[i].returning)
                                leave_vf(host, record, &record->vfs[i]);
        }
        int undo = open_again(host, record, first, &message);
        if (r != 0)
                return r;
        if (undo != 0) {
                *ret_message = TAKE_PTR(message);
                return undo;
        }
        vfio_fds_close(fds);
        *fds = more;
        more.n_items = 0;
        return 0;
}
