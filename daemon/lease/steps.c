/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Override all → unbind all → bind all → claim. The override comes first, so that from the moment a
 * host driver leaves no other can come.
 */

#include <errno.h>
#include <string.h>

#include "daemon/guard/block.h"
#include "daemon/host/driver.h"
#include "daemon/lease/joiner.h"
#include "daemon/lease/steps.h"
#include "daemon/lease/vfs.h"

typedef int (*DeviceStep)(const HostPaths *host, const LeaseDevice *device, char **ret_message);

/* Runs `step` on every device of `role` that is still there, stopping at the first failure. */
static int for_each(const HostPaths *host, const LeaseRecord *record, LeaseRole role,
                    DeviceStep step, char **ret_message)
{
        char text[BDF_TEXT_SIZE];

        for (size_t i = 0; i < record->n_devices; i++) {
                if (record->devices[i].role != role || record->devices[i].lost)
                        continue;
                int r = step(host, &record->devices[i], ret_message);
                if (r == -ENOENT)
                        return host_refuse(REFUSAL_CHANGED, ret_message,
                                           "%s vanished while it was being taken",
                                           bdf_format(record->devices[i].bdf, text));
                if (r != 0)
                        return r;
        }
        return 0;
}

static int step_override(const HostPaths *host, const LeaseDevice *device, char **ret_message)
{
        return driver_override_write(host, device->bdf, LEASE_DRIVER, ret_message);
}

static int step_unbind(const HostPaths *host, const LeaseDevice *device, char **ret_message)
{
        _cleanup_(freep) char *driver = NULL;

        int r = driver_read(host, device->bdf, &driver);
        if (r < 0)
                return r;
        if (strcmp(driver, LEASE_DRIVER) == 0)
                return 0;
        return driver_unbind(host, device->bdf, ret_message);
}

static int step_bind(const HostPaths *host, const LeaseDevice *device, char **ret_message)
{
        return driver_bind(host, device->bdf, LEASE_DRIVER, ret_message);
}

static int claim(const HostPaths *host, const LeaseRecord *record, VfioFds *ret_fds,
                 char **ret_message)
{
        Bdf taken[LEASE_DEVICES_MAX];
        int32_t groups[LEASE_GROUPS_MAX];
        size_t n_taken = 0;

        if (record->mode == LEASE_MODE_IOMMUFD) {
                for (size_t i = 0; i < record->n_devices; i++)
                        if (record->devices[i].role == LEASE_ROLE_TAKEN)
                                taken[n_taken++] = record->devices[i].bdf;
                return vfio_claim_devices(host, taken, n_taken, ret_fds, ret_message);
        }
        for (size_t i = 0; i < record->n_groups; i++)
                groups[i] = record->groups[i].number;
        return vfio_claim_groups(host, groups, record->n_groups, ret_fds, ret_message);
}

int lease_steps_take(const HostPaths *host, const LeaseRecord *record, VfioFds *ret_fds,
                     char **ret_message)
{
        static const DeviceStep steps[] = {step_override, step_unbind, step_bind};
        _cleanup_(freep) char *message = NULL, *undo_message = NULL;

        int r = vfio_load(host, record->mode, ret_message);
        if (r != 0)
                return r;
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(steps); i++)
                r = for_each(host, record, LEASE_ROLE_TAKEN, steps[i], &message);
        if (r == 0)
                r = claim(host, record, ret_fds, &message);
        if (r == 0)
                return 0;

        int undo = lease_steps_restore(host, record, &undo_message);
        if (undo != 0)
                return host_refuse(REFUSAL_QUARANTINED, ret_message, "%s; and putting back: %s",
                                   message ? message : strerror(-r),
                                   undo_message ? undo_message : strerror(-undo));
        *ret_message = TAKE_PTR(message);
        return r;
}

/* Takes our driver away, unless it was there before us. */
static int step_leave(const HostPaths *host, const LeaseDevice *device, char **ret_message)
{
        _cleanup_(freep) char *driver = NULL;

        int r = driver_read(host, device->bdf, &driver);
        if (r < 0)
                return r;
        if (strcmp(driver, LEASE_DRIVER) != 0 || strcmp(device->driver_before, LEASE_DRIVER) == 0)
                return 0;
        return driver_unbind(host, device->bdf, ret_message);
}

/* Puts the override back if the one that stands is ours. */
static int step_override_back(const HostPaths *host, const LeaseDevice *device, char **ret_message)
{
        _cleanup_(freep) char *override = NULL;

        int r = driver_override_read(host, device->bdf, &override);
        if (r < 0)
                return r;
        if (strcmp(override, device->override_before) == 0 || strcmp(override, LEASE_DRIVER) != 0)
                return 0;
        return driver_override_write(host, device->bdf, device->override_before, ret_message);
}

static int step_driver_back(const HostPaths *host, const LeaseDevice *device, char **ret_message)
{
        _cleanup_(freep) char *driver = NULL;

        int r = driver_read(host, device->bdf, &driver);
        if (r < 0)
                return r;
        if (driver[0])
                return 0;
        /* What came while the lease went on had none; the host may have one for it. */
        if (device->joined)
                return driver_probe_any(host, device->bdf, ret_message);
        if (!device->driver_before[0])
                return 0;
        return driver_bind(host, device->bdf, device->driver_before, ret_message);
}

static int step_let_in(const HostPaths *host, const LeaseDevice *device, char **ret_message)
{
        _cleanup_(freep) char *driver = NULL;

        int r = device->taking ? joiner_untake(host, device, ret_message) : 0;
        if (r == 0)
                r = block_undo(host, device->bdf, ret_message);
        if (r == 0)
                r = driver_read(host, device->bdf, &driver);
        if (r != 0)
                return r;
        return driver[0] ? 0 : driver_probe_any(host, device->bdf, ret_message);
}

int lease_steps_restore(const HostPaths *host, const LeaseRecord *record, char **ret_message)
{
        static const struct {
                LeaseRole role;
                DeviceStep step;
        } steps[] = {
                {LEASE_ROLE_TAKEN, step_leave},
                {LEASE_ROLE_TAKEN, step_override_back},
                {LEASE_ROLE_TAKEN, step_driver_back},
                {LEASE_ROLE_JOINER, step_let_in},
        };
        _cleanup_(freep) char *first_message = NULL;
        /* Before a driver of the host looks at them. */
        int first = lease_vfs_restore(host, record, &first_message);

        for (size_t s = 0; s < ARRAY_SIZE(steps); s++)
                for (size_t i = 0; i < record->n_devices; i++) {
                        const LeaseDevice *device = &record->devices[i];
                        _cleanup_(freep) char *message = NULL;

                        if (device->role != steps[s].role ||
                            !lease_record_has_hold(record, device))
                                continue;
                        int r = steps[s].step(host, device, &message);
                        if (r == 0 || r == -ENOENT || first != 0)
                                continue;
                        first = r;
                        first_message = TAKE_PTR(message);
                }
        if (first != 0)
                *ret_message = TAKE_PTR(first_message);
        return first;
}
