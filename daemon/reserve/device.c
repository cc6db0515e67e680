/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Blocks devices and lets them in. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/model/reserve.h"
#include "core/model/strength.h"
#include "daemon/base/log.h"
#include "daemon/host/critical.h"
#include "daemon/host/driver.h"
#include "daemon/reserve/device.h"

/* Whether the driver is in a loaded module, so that its loading can be prevented. */
static bool is_loadable(const HostPaths *host, const char *driver)
{
        _cleanup_(freep) char *module = NULL;

        int r = host_read_link_at(&module, "%s/bus/pci/drivers/%s/module", host->sysfs, driver);
        return r == 0 && host_has("%s/module/%s/initstate", host->sysfs, module);
}

static void say_bound(const HostPaths *host, Bdf bdf, const char *rule, const char *driver)
{
        char text[BDF_TEXT_SIZE];

        bdf_format(bdf, text);
        if (is_loadable(host, driver))
                log_error("%s is reserved by rule %s, but %s drives it already, and was not "
                          "touched: if the initramfs loads the driver, make the initramfs again "
                          "(update-initramfs -u, dracut -f), then reboot; isolationd-reserve(8)",
                          text, rule, driver);
        else
                log_error("%s is reserved by rule %s, but %s drives it already, and was not "
                          "touched: it is built into the kernel, which binds it before any "
                          "program runs; see isolationd-reserve(8) for what can be done",
                          text, rule, driver);
}

/*
 * Unbinds an arriving device from the driver that was faster. *ret_outcome is RESERVE_IS_BOUND if
 * that is not allowed.
 */
static int unbind_faster(const HostPaths *host, Bdf bdf, const char *rule, const char *driver,
                         ReserveOutcome *ret_outcome)
{
        _cleanup_(freep) char *message = NULL;
        char text[BDF_TEXT_SIZE];

        bdf_format(bdf, text);
        int r = critical_check(host, bdf, &message);
        if (r == 0)
                r = driver_unbind(host, bdf, &message);
        if (r < 0)
                return r;
        if (r > 0)
                log_error("%s is reserved by rule %s, but %s was faster and keeps it: %s", text,
                          rule, driver, message);
        else
                log_warning("%s is reserved by rule %s: %s was faster, and was unbound", text, rule,
                            driver);
        *ret_outcome = r > 0 ? RESERVE_IS_BOUND : RESERVE_IS_BLOCKED;
        return 0;
}

static int write_override(const HostPaths *host, Bdf bdf, const char *override)
{
        _cleanup_(freep) char *message = NULL;

        int r = driver_override_write(host, bdf, override, &message);
        if (r > 0)
                log_error("%s", message);
        return r > 0 ? -EIO : r;
}

/* Decides by the driver that is bound after the override was written. */
static int judge_driver(const HostPaths *host, Bdf bdf, const char *rule, const char *driver,
                        bool arriving, ReserveOutcome *ret_outcome)
{
        char text[BDF_TEXT_SIZE];

        *ret_outcome = RESERVE_IS_BLOCKED;
        if (!driver[0])
                return 0;
        if (driver_is_harmless(driver)) {
                log_notice("%s is reserved by rule %s; %s has it, which is no driver of the host, "
                           "and keeps it",
                           bdf_format(bdf, text), rule, driver);
                *ret_outcome = RESERVE_IS_LEFT;
                return 0;
        }
        if (arriving)
                return unbind_faster(host, bdf, rule, driver, ret_outcome);
        say_bound(host, bdf, rule, driver);
        *ret_outcome = RESERVE_IS_BOUND;
        return 0;
}

static int block(const HostPaths *host, Bdf bdf, const char *rule, bool arriving,
                 ReserveOutcome *ret_outcome)
{
        _cleanup_(freep) char *override = NULL, *before = NULL, *after = NULL;
        char text[BDF_TEXT_SIZE];
        bool ours;

        int r = driver_override_read(host, bdf, &override);
        if (r < 0)
                return r;
        ours = strcmp(override, RESERVE_OVERRIDE) == 0;
        if (!ours && override[0]) {
                log_notice("%s is reserved by rule %s; its driver_override is %s already, and "
                           "stays so",
                           bdf_format(bdf, text), rule, override);
                *ret_outcome = RESERVE_IS_LEFT;
                return 0;
        }

        /* For an arriving device, write the override first: every moment counts. */
        if (!arriving)
                r = driver_read(host, bdf, &before);
        if (r == 0 && !ours && !(before && before[0]))
                r = write_override(host, bdf, RESERVE_OVERRIDE);
        if (r == 0)
                r = driver_read(host, bdf, &after);
        if (r < 0)
                return r;

        r = judge_driver(host, bdf, rule, after, arriving, ret_outcome);
        if (r == 0 && *ret_outcome != RESERVE_IS_BLOCKED && reserve_device_is_ours(host, bdf))
                r = write_override(host, bdf, "");
        return r;
}

int reserve_device_block(const HostPaths *host, Bdf bdf, const char *rule, bool arriving,
                         ReserveOutcome *ret_outcome)
{
        int r = block(host, bdf, rule, arriving, ret_outcome);

        if (r == -ENOENT || r == -ENODEV) {
                *ret_outcome = RESERVE_IS_LEFT; /* the device has gone meanwhile */
                return 0;
        }
        return r;
}

bool reserve_device_is_ours(const HostPaths *host, Bdf bdf)
{
        _cleanup_(freep) char *override = NULL;

        return driver_override_read(host, bdf, &override) == 0 &&
               strcmp(override, RESERVE_OVERRIDE) == 0;
}

/* Sends an "add" event for the device, so that udev loads a module for it. */
static void tell_udev(const HostPaths *host, Bdf bdf)
{
        char text[BDF_TEXT_SIZE];

        int r = host_write_device(host, bdf, "uevent", "add");
        if (r < 0)
                log_warning("%s: udev could not be told: %s", bdf_format(bdf, text), strerror(-r));
}

static int let_in(const HostPaths *host, Bdf bdf)
{
        _cleanup_(freep) char *driver = NULL, *message = NULL;
        char text[BDF_TEXT_SIZE];

        int r = write_override(host, bdf, "");
        if (r == 0)
                r = driver_read(host, bdf, &driver);
        if (r == 0 && !driver[0])
                r = driver_probe_any(host, bdf, &message);
        if (r < 0)
                return r;
        if (r > 0)
                log_warning("%s", message);
        tell_udev(host, bdf);
        log_info("%s is the host's again", bdf_format(bdf, text));
        return 0;
}

int reserve_device_let_in(const HostPaths *host, Bdf bdf, bool *ret_done)
{
        _cleanup_(freep) char *override = NULL;
        char text[BDF_TEXT_SIZE];

        bdf_format(bdf, text);
        int r = driver_override_read(host, bdf, &override);
        bool leased = r == 0 && driver_is_vfio(override); /* set by a lease */
        if (r == 0 && strcmp(override, RESERVE_OVERRIDE) == 0)
                r = let_in(host, bdf);
        else if (leased)
                log_warning("%s is leased: let it in again once the lease is released", text);
        else if (r == 0)
                log_notice("%s: its driver_override is \"%s\", not ours, and stays so", text,
                           override);
        if (r < 0 && r != -ENOENT && r != -ENODEV)
                return r;
        *ret_done = !leased;
        return 0;
}
