/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Resets all devices, checks each one, and switches bus mastering off. A device that does not
 * answer or wake is unfit and stays without a driver. So does a device with bus mastering on that
 * would have no driver, if nothing stops what it sends.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "daemon/host/driver.h"
#include "daemon/host/health.h"
#include "daemon/host/reset.h"
#include "daemon/lease/clean.h"

_Static_assert(sizeof(((LeaseBefore *)NULL)->reset_method) == RESET_TEXT_SIZE, "reset_method");

/* The settings that are noted of a device, and their files. */
static const struct {
        const char *name;
        size_t offset, size;
} settings[] = {
        {"power/control", offsetof(LeaseDevice, before.power), LEASE_POWER_SIZE},
        {"d3cold_allowed", offsetof(LeaseDevice, before.d3cold), LEASE_POWER_SIZE},
};

void lease_clean_clear(Cleaning *cleaning)
{
        free(cleaning->unfit);
        free(cleaning->report);
        *cleaning = (Cleaning){.snapshot = NULL};
}

/* A setting that cannot be read is not restored. */
static void read_setting(const HostPaths *host, Bdf bdf, const char *name, char *text, size_t size)
{
        _cleanup_(freep) char *value = NULL;

        int r = host_read_device(host, bdf, name, &value);
        if (r < 0 || strlen(value) >= size)
                text[0] = '\0';
        else
                (void)snprintf(text, size, "%s", value);
}

void lease_clean_note_device(const HostPaths *host, LeaseDevice *device)
{
        for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
                read_setting(host, device->bdf, settings[i].name,
                             (char *)device + settings[i].offset, settings[i].size);
        reset_read_methods(host, device->bdf, device->before.reset_method);
}

void lease_clean_note(const HostPaths *host, LeaseRecord *record)
{
        for (size_t i = 0; i < record->n_devices; i++)
                if (record->devices[i].role == LEASE_ROLE_TAKEN)
                        lease_clean_note_device(host, &record->devices[i]);
}

/* --- cleaning --------------------------------------------------------------------------------- */

/*
 * Whether the device belongs to the lease and has no driver. A device with a driver was cleaned
 * before it got it.
 */
static bool is_to_be_cleaned(const HostPaths *host, const LeaseRecord *record,
                             const LeaseDevice *device)
{
        _cleanup_(freep) char *driver = NULL;

        return lease_device_was_taken(device) && lease_record_has_hold(record, device) &&
               driver_read(host, device->bdf, &driver) == 0 && !driver[0];
}

static int reset_all(const HostPaths *host, const LeaseRecord *record, Cleaning *cleaning)
{
        const Snapshot *snapshot = cleaning->snapshot;
        _cleanup_(freep) size_t *devices = calloc(record->n_devices + 1, sizeof(*devices));
        _cleanup_(freep) bool *mine = calloc(snapshot->n_devices + 1, sizeof(*mine));
        size_t n = 0;

        if (!devices || !mine)
                return -ENOMEM;
        for (size_t i = 0; i < record->n_devices; i++) {
                size_t index = snapshot_find(snapshot, record->devices[i].bdf);

                if (index == SNAPSHOT_NONE || !is_to_be_cleaned(host, record, &record->devices[i]))
                        continue;
                mine[index] = true;
                devices[n++] = index;
        }
        return reset_devices(host, snapshot, devices, n, mine, &cleaning->report);
}

/* Whether DMA of the devices would reach memory, once the groups have their former types. */
static bool reaches_memory(const HostPaths *host, const LeaseRecord *record)
{
        for (size_t i = 0; i < record->n_groups; i++)
                if (strcmp(record->groups[i].type_before, "identity") == 0 ||
                    health_reaches_memory(host, record->groups[i].number))
                        return true;
        return false;
}

static int clean_one(const HostPaths *host, const LeaseRecord *record, const LeaseDevice *device,
                     char **ret_message)
{
        _cleanup_(freep) char *message = NULL;

        int r = health_check(host, device->bdf, ret_message);
        if (r != 0)
                return r;
        r = health_stop_master(host, device->bdf, &message);
        /*
         * A driver that is bound again controls the device; a domain that translates stops its DMA.
         */
        if (r <= 0 || device->before.driver[0] || !reaches_memory(host, record))
                return r < 0 ? r : 0;
        *ret_message = TAKE_PTR(message);
        return r;
}

int lease_clean(const HostPaths *host, const LeaseRecord *record, Cleaning *cleaning,
                char **ret_message)
{
        int first = 0;

        free(cleaning->unfit);
        cleaning->unfit = calloc(record->n_devices + 1, sizeof(*cleaning->unfit));
        if (!cleaning->unfit)
                return -ENOMEM;
        if (cleaning->snapshot)
                first = reset_all(host, record, cleaning);
        for (size_t i = 0; i < record->n_devices; i++) {
                _cleanup_(freep) char *message = NULL;

                if (!is_to_be_cleaned(host, record, &record->devices[i]))
                        continue;
                int r = clean_one(host, record, &record->devices[i], &message);
                cleaning->unfit[i] = r != 0;
                host_keep_first(r, &message, &first, ret_message);
        }
        return first;
}

/* --- putting back ----------------------------------------------------------------------------- */

static int put_back(const HostPaths *host, Bdf bdf, const char *name, const char *before,
                    char **ret_message)
{
        char now[LEASE_POWER_SIZE], text[BDF_TEXT_SIZE];

        read_setting(host, bdf, name, now, sizeof(now));
        if (!before[0] || !now[0] || strcmp(now, before) == 0)
                return 0;
        int w = host_write_device(host, bdf, name, before);
        read_setting(host, bdf, name, now, sizeof(now));
        if (!now[0] || strcmp(now, before) == 0)
                return 0;
        return host_refuse_write(w, ret_message, "%s: %s reads \"%s\" and not \"%s\" as before",
                                 bdf_format(bdf, text), name, now, before);
}

int lease_clean_settle(const HostPaths *host, const LeaseDevice *device, char **ret_message)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(settings); i++)
                r = put_back(host, device->bdf, settings[i].name,
                             (const char *)device + settings[i].offset, ret_message);
        if (r == 0 && device->before.reset_method[0])
                r = reset_write_methods(host, device->bdf, device->before.reset_method,
                                        ret_message);
        return r;
}
