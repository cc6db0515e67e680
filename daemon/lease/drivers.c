/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the tables once for a lease. Loads each module when the first device needs it. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/host/driver.h"
#include "daemon/host/variant.h"
#include "daemon/lease/drivers.h"

#define LEASE_MODULE "vfio_pci" /* whose driver is LEASE_DRIVER */
#define TELL_SIZE 512

static bool set_driver(LeaseDevice *device, const char *driver)
{
        if (strcmp(device->driver, driver) == 0)
                return false;
        (void)snprintf(device->driver, sizeof(device->driver), "%s", driver);
        return true;
}

/* Chooses the driver made for a device, or LEASE_DRIVER if there is none or it cannot be loaded. */
static int choose_best(const HostPaths *host, const VariantTables *tables, LeaseRecord *record,
                       LeaseDevice *device, LeaseDriversTell tell, bool *ret_changed)
{
        char driver[VARIANT_NAME_SIZE] = LEASE_DRIVER, address[BDF_TEXT_SIZE], text[TELL_SIZE];
        _cleanup_(freep) char *message = NULL;
        VariantMatch match;

        int r = variant_find(host, tables, device->bdf, &match);
        if (r == -ENOENT)
                r = 0; /* no modalias, or the device is gone: the steps report it */
        else if (r == 0 && match.module[0] && !variant_same_name(match.module, LEASE_MODULE))
                r = variant_load(host, match.module, driver, &message);
        if (r < 0)
                return r;
        if (r > 0) {
                (void)snprintf(driver, sizeof(driver), LEASE_DRIVER);
                (void)snprintf(text, sizeof(text),
                               "%s gets " LEASE_DRIVER " instead of the driver of %s: %s",
                               bdf_format(device->bdf, address), match.module,
                               message ? message : "it cannot be loaded");
                tell(record, text);
        }
        *ret_changed |= set_driver(device, driver);
        return 0;
}

/*
 * Loads only a driver that calls itself a VFIO driver: a caller cannot load another module or bind
 * another driver.
 */
static int load_wanted(const HostPaths *host, const VariantTables *tables, const char *wanted,
                       char driver[static VARIANT_NAME_SIZE], char **ret_message)
{
        if (variant_same_name(wanted, LEASE_MODULE)) {
                (void)snprintf(driver, VARIANT_NAME_SIZE, LEASE_DRIVER);
                return 0;
        }
        if (!variant_has_module(tables->aliases, tables->builtin, tables->n_builtin, wanted))
                return host_refuse(REFUSAL_UNSUPPORTED, ret_message,
                                   "this kernel has no VFIO driver %s: no vfio_pci alias names it "
                                   "(modules.alias of the kernel)",
                                   wanted);
        return variant_load(host, wanted, driver, ret_message);
}

int lease_drivers_choose(const HostPaths *host, LeaseRecord *record, const char *wanted,
                         LeaseDriversTell tell, bool *ret_changed, char **ret_message)
{
        _cleanup_(variant_tables_clear) VariantTables tables = {.n_builtin = 0};
        char driver[VARIANT_NAME_SIZE];

        int r = variant_tables_read(host, &tables);
        if (r == 0 && wanted[0])
                r = load_wanted(host, &tables, wanted, driver, ret_message);
        for (size_t i = 0; r == 0 && i < record->n_devices; i++) {
                LeaseDevice *device = &record->devices[i];

                if (device->role != LEASE_ROLE_TAKEN)
                        continue;
                if (wanted[0])
                        *ret_changed |= set_driver(device, driver);
                else
                        r = choose_best(host, &tables, record, device, tell, ret_changed);
        }
        return r;
}

int lease_drivers_predict(const HostPaths *host, LeaseRecord *record, const char *wanted)
{
        _cleanup_(variant_tables_clear) VariantTables tables = {.n_builtin = 0};

        int r = variant_tables_read(host, &tables);
        for (size_t i = 0; r == 0 && i < record->n_devices; i++) {
                LeaseDevice *device = &record->devices[i];
                char driver[VARIANT_NAME_SIZE] = LEASE_DRIVER;
                VariantMatch match = {.module = ""};

                if (device->role != LEASE_ROLE_TAKEN)
                        continue;
                if (wanted[0])
                        (void)snprintf(match.module, sizeof(match.module), "%s", wanted);
                else
                        r = variant_find(host, &tables, device->bdf, &match);
                if (r == -ENOENT)
                        r = 0;
                if (match.module[0] && !variant_same_name(match.module, LEASE_MODULE) &&
                    variant_driver(host, match.module, driver) < 0)
                        (void)snprintf(driver, sizeof(driver), "%s", match.module);
                (void)set_driver(device, driver);
        }
        return r;
}

int lease_drivers_choose_loaded(const HostPaths *host, LeaseDevice *device)
{
        _cleanup_(variant_tables_clear) VariantTables tables = {.n_builtin = 0};
        char driver[VARIANT_NAME_SIZE] = LEASE_DRIVER;
        VariantMatch match = {.module = ""};

        int r = variant_tables_read(host, &tables);
        if (r == 0)
                r = variant_find(host, &tables, device->bdf, &match);
        if (r < 0 && r != -ENOENT)
                return r;
        if (match.module[0] && !variant_same_name(match.module, LEASE_MODULE) &&
            variant_driver(host, match.module, driver) < 0)
                (void)snprintf(driver, sizeof(driver), LEASE_DRIVER);
        (void)set_driver(device, driver);
        return 0;
}
