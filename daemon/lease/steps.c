/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Writes all overrides, unbinds all drivers, binds all, and claims. The override comes first, so
 * that no other host driver can bind after the first one is unbound.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/model/text.h"
#include "daemon/base/array.h"
#include "daemon/host/block.h"
#include "daemon/host/driver.h"
#include "daemon/lease/joiner.h"
#include "daemon/lease/steps.h"
#include "daemon/lease/types.h"
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
        return driver_override_write(host, device->bdf, device->driver, ret_message);
}

static int step_unbind(const HostPaths *host, const LeaseDevice *device, char **ret_message)
{
        _cleanup_(freep) char *driver = NULL;

        int r = driver_read(host, device->bdf, &driver);
        if (r < 0)
                return r;
        if (strcmp(driver, device->driver) == 0)
                return 0;
        return driver_unbind(host, device->bdf, ret_message);
}

static int step_bind(const HostPaths *host, const LeaseDevice *device, char **ret_message)
{
        return driver_bind(host, device->bdf, device->driver, ret_message);
}

static int claim(const HostPaths *host, const LeaseRecord *record, VfioFds *ret_fds,
                 char **ret_message)
{
        Bdf taken[LEASE_DEVICES_MAX];
        int32_t groups[LEASE_GROUPS_MAX];
        size_t n_taken = 0;

        for (size_t i = 0; i < record->n_devices; i++)
                if (record->devices[i].role == LEASE_ROLE_TAKEN)
                        taken[n_taken++] = record->devices[i].bdf;
        for (size_t i = 0; i < record->n_groups; i++)
                groups[i] = record->groups[i].number;
        switch (record->mode) {
        case LEASE_MODE_IOMMUFD:
        case LEASE_MODE_IOMMUFD_UNBOUND:
                return vfio_claim_devices(host, record->mode == LEASE_MODE_IOMMUFD, taken, n_taken,
                                          ret_fds, ret_message);
        case LEASE_MODE_VFIO:
                return vfio_claim_groups(host, groups, record->n_groups, ret_fds, ret_message);
        case LEASE_MODE_GROUP_FD:
        case LEASE_MODE_PATH:
                break;
        case LEASE_MODE_NONE:
        case _LEASE_MODE_N:
                return -EINVAL;
        }
        int r = vfio_open_groups(host, groups, record->n_groups, ret_fds, ret_message);
        /*
         * Only one process may have a group open (kernel-facts 4.2): in mode path that is the
         * owner.
         */
        if (r == 0 && record->mode == LEASE_MODE_PATH)
                vfio_fds_close(ret_fds);
        if (r == 0)
                driver_await_udev(); /* udev sets the modes of new nodes */
        return r;
}

static char *describe_override(const LeaseDevice *device, const char *address)
{
        return text_print("%s: driver_override %s%s%s", address, device->driver,
                          device->before.override[0] ? ", was " : "", device->before.override);
}

static char *describe_unbind(const LeaseDevice *device, const char *address)
{
        bool is_free =
                !device->before.driver[0] || strcmp(device->before.driver, device->driver) == 0;

        if (is_free)
                return strdup("");
        return text_print("%s: unbind %s", address, device->before.driver);
}

static char *describe_bind(const LeaseDevice *device, const char *address)
{
        if (strcmp(device->before.driver, device->driver) == 0)
                return strdup("");
        return text_print("%s: bind %s", address, device->driver);
}

/*
 * Each step is done for all devices before the next. A description is "" where the step does
 * nothing.
 */
static const struct {
        DeviceStep step;
        char *(*describe)(const LeaseDevice *device, const char *address);
} take_steps[] = {
        {step_override, describe_override},
        {step_unbind, describe_unbind},
        {step_bind, describe_bind},
};

int lease_step_texts_add(TextList *texts, char *text)
{
        if (!text || text[0])
                return text_list_add(texts, text);
        free(text);
        return 0;
}

static char *describe_type(const LeaseGroup *group)
{
        if (!group->type[0])
                return strdup("");
        return text_print("group %s: domain type %s, was %s", group->id, group->type,
                          group->type_before);
}

static char *describe_claim(const LeaseRecord *record, const LeaseGroup *group)
{
        return text_print("%s group %s (kernel group %d), mode %s",
                          lease_mode_claims(record->mode)   ? "claim"
                          : record->mode == LEASE_MODE_PATH ? "open and close"
                                                            : "open",
                          group->id, group->number, lease_mode_to_string(record->mode));
}

int lease_steps_describe(const LeaseRecord *record, TextList *texts)
{
        char address[BDF_TEXT_SIZE];
        int r = 0;

        for (size_t s = 0; s < ARRAY_SIZE(take_steps); s++) {
                for (size_t i = 0;
                     take_steps[s].step == step_bind && r == 0 && i < record->n_groups; i++)
                        r = lease_step_texts_add(texts, describe_type(&record->groups[i]));
                for (size_t i = 0; r == 0 && i < record->n_devices; i++) {
                        const LeaseDevice *device = &record->devices[i];

                        if (device->role == LEASE_ROLE_TAKEN && !device->lost)
                                r = lease_step_texts_add(
                                        texts, take_steps[s].describe(
                                                       device, bdf_format(device->bdf, address)));
                }
        }
        for (size_t i = 0; r == 0 && i < record->n_groups; i++)
                r = lease_step_texts_add(texts, describe_claim(record, &record->groups[i]));
        return r;
}

int lease_steps_take(const HostPaths *host, const LeaseRecord *record, VfioFds *ret_fds,
                     char **ret_message)
{
        _cleanup_(lease_clean_clear) Cleaning nobody_has_had_it = {.snapshot = NULL};
        _cleanup_(freep) char *message = NULL, *undo_message = NULL;

        int r = vfio_load(host, record->mode, ret_message);
        if (r != 0)
                return r;
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(take_steps); i++) {
                if (take_steps[i].step == step_bind)
                        r = lease_types_set(host, record, &message);
                if (r == 0)
                        r = for_each(host, record, LEASE_ROLE_TAKEN, take_steps[i].step, &message);
        }
        if (r == 0)
                r = claim(host, record, ret_fds, &message);
        if (r == 0)
                return 0;

        int undo = lease_steps_restore(host, record, &nobody_has_had_it, &undo_message);
        if (undo != 0)
                return host_refuse(REFUSAL_QUARANTINED, ret_message,
                                   "%s; restoring the host failed too: %s",
                                   message ? message : strerror(-r),
                                   undo_message ? undo_message : strerror(-undo));
        *ret_message = TAKE_PTR(message);
        return r;
}

/* Unbinds our driver, unless it was bound before the lease. */
static int step_leave(const HostPaths *host, const LeaseDevice *device, char **ret_message)
{
        _cleanup_(freep) char *driver = NULL;

        int r = driver_read(host, device->bdf, &driver);
        if (r < 0)
                return r;
        if (strcmp(driver, device->driver) != 0 ||
            strcmp(device->before.driver, device->driver) == 0)
                return 0;
        return driver_unbind(host, device->bdf, ret_message);
}

/* Restores the override if the present one is ours: of the VFIO driver, or of the guard. */
static int step_override_back(const HostPaths *host, const LeaseDevice *device, char **ret_message)
{
        _cleanup_(freep) char *override = NULL;

        int r = driver_override_read(host, device->bdf, &override);
        if (r < 0)
                return r;
        if (strcmp(override, device->before.override) == 0 ||
            (strcmp(override, device->driver) != 0 && strcmp(override, BLOCK_OVERRIDE) != 0))
                return 0;
        return driver_override_write(host, device->bdf, device->before.override, ret_message);
}

static int step_driver_back(const HostPaths *host, const LeaseDevice *device, char **ret_message)
{
        _cleanup_(freep) char *driver = NULL;

        int r = driver_read(host, device->bdf, &driver);
        if (r < 0)
                return r;
        if (driver[0])
                return 0;
        /* A device that joined had no driver; the host may have one for it. */
        if (device->joined)
                return driver_probe_any(host, device->bdf, ret_message);
        if (!device->before.driver[0])
                return 0;
        return driver_bind(host, device->bdf, device->before.driver, ret_message);
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

typedef struct RestoreStep {
        LeaseRole role;
        DeviceStep step;
} RestoreStep;

/* Runs the steps on all devices that are fit for them; keeps the first failure. */
static void run_steps(const HostPaths *host, const LeaseRecord *record, const RestoreStep *steps,
                      size_t n_steps, const bool *unfit, int *first, char **first_message)
{
        for (size_t s = 0; s < n_steps; s++)
                for (size_t i = 0; i < record->n_devices; i++) {
                        const LeaseDevice *device = &record->devices[i];
                        _cleanup_(freep) char *message = NULL;

                        LeaseRole role = device->owed ? LEASE_ROLE_TAKEN : device->role;

                        if (role != steps[s].role || (unfit && unfit[i]) ||
                            !lease_record_has_hold(record, device))
                                continue;
                        int r = steps[s].step(host, device, &message);
                        host_keep_first(r, &message, first, first_message);
                }
}

int lease_steps_restore(const HostPaths *host, const LeaseRecord *record, Cleaning *cleaning,
                        char **ret_message)
{
        static const RestoreStep leave[] = {{LEASE_ROLE_TAKEN, step_leave}};
        static const RestoreStep unmark[] = {{LEASE_ROLE_TAKEN, step_override_back}};
        static const RestoreStep rest[] = {
                {LEASE_ROLE_TAKEN, step_driver_back},
                {LEASE_ROLE_TAKEN, lease_clean_settle},
                {LEASE_ROLE_JOINER, step_let_in},
        };
        _cleanup_(freep) char *first_message = NULL, *message = NULL, *type_message = NULL;
        /* Before a host driver reads them. */
        int first = lease_vfs_restore(host, record, &first_message);

        run_steps(host, record, leave, ARRAY_SIZE(leave), NULL, &first, &first_message);
        int r = lease_clean(host, record, cleaning, &message);
        host_keep_first(r, &message, &first, &first_message);
        run_steps(host, record, unmark, ARRAY_SIZE(unmark), cleaning->unfit, &first,
                  &first_message);
        /*
         * Do this while the devices have no drivers. If it fails they stay without: with drivers it
         * would be impossible.
         */
        r = lease_types_restore(host, record, &type_message);
        if (r != 0) {
                *ret_message = TAKE_PTR(type_message);
                return r;
        }
        run_steps(host, record, rest, ARRAY_SIZE(rest), cleaning->unfit, &first, &first_message);
        if (first != 0)
                *ret_message = TAKE_PTR(first_message);
        return first;
}
