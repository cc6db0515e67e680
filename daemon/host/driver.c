/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Binding, unbinding and overriding, one verified write at a time.
 */

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "daemon/host/driver.h"
#include "daemon/host/program.h"

int driver_read(const HostPaths *host, Bdf bdf, char **ret_driver)
{
        char path[PATH_MAX];
        struct stat st;

        int r = host_read_device_link(host, bdf, "driver", ret_driver);
        if (r != -ENOENT)
                return r;
        if (stat(host_device_path(host, bdf, ".", path), &st) < 0)
                return -errno;
        char *none = strdup("");
        if (!none)
                return -ENOMEM;
        *ret_driver = none;
        return 0;
}

int driver_override_read(const HostPaths *host, Bdf bdf, char **ret_override)
{
        int r = host_read_device(host, bdf, "driver_override", ret_override);
        if (r < 0)
                return r == -ENODEV ? -ENOENT : r; /* the device goes during the read */
        if (strcmp(*ret_override, DRIVER_OVERRIDE_NONE) == 0)
                (*ret_override)[0] = '\0';
        return 0;
}

int driver_override_write(const HostPaths *host, Bdf bdf, const char *override, char **ret_message)
{
        _cleanup_(freep) char *now = NULL;
        char text[BDF_TEXT_SIZE];

        /* An empty write does nothing; a newline clears. */
        int w = host_write_device(host, bdf, "driver_override", override[0] ? override : "\n");
        int r = driver_override_read(host, bdf, &now);
        if (r < 0)
                return r;
        if (strcmp(now, override) == 0)
                return 0;
        if (w < 0)
                return host_refuse_write(w, ret_message, "%s: writing driver_override failed",
                                         bdf_format(bdf, text));
        return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message,
                           "%s: driver_override reads \"%s\" after writing \"%s\"",
                           bdf_format(bdf, text), now, override);
}

int driver_unbind(const HostPaths *host, Bdf bdf, char **ret_message)
{
        _cleanup_(freep) char *before = NULL, *after = NULL;
        char text[BDF_TEXT_SIZE];

        int r = driver_read(host, bdf, &before);
        if (r < 0)
                return r;
        if (!before[0])
                return 0;

        int w = host_write_device(host, bdf, "driver/unbind", bdf_format(bdf, text));
        r = driver_read(host, bdf, &after);
        if (r < 0)
                return r;
        if (!after[0])
                return 0;
        return host_refuse_write(w, ret_message, "%s: still bound to %s after unbinding", text,
                                 after);
}

/* Asks the kernel to find a driver, and returns the driver that is bound afterwards. */
static int probe_and_read(const HostPaths *host, Bdf bdf, int *ret_write_error, char **ret_driver)
{
        char text[BDF_TEXT_SIZE];

        *ret_write_error =
                host_write_at(bdf_format(bdf, text), "%s/bus/pci/drivers_probe", host->sysfs);
        return driver_read(host, bdf, ret_driver);
}

int driver_probe_any(const HostPaths *host, Bdf bdf, char **ret_message)
{
        _cleanup_(freep) char *driver = NULL;
        char text[BDF_TEXT_SIZE];
        int w;

        int r = probe_and_read(host, bdf, &w, &driver);
        if (r < 0)
                return r;
        if (w < 0 && !driver[0])
                return host_refuse_write(w, ret_message, "%s: probing failed",
                                         bdf_format(bdf, text));
        return 0;
}

int driver_bind(const HostPaths *host, Bdf bdf, const char *driver, char **ret_message)
{
        _cleanup_(freep) char *first = NULL, *second = NULL;
        char text[BDF_TEXT_SIZE];
        int w;

        int r = probe_and_read(host, bdf, &w, &first);
        if (r < 0)
                return r;
        if (strcmp(first, driver) == 0)
                return 0;
        if (first[0])
                return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message,
                                   "%s: %s took the device instead of %s", bdf_format(bdf, text),
                                   first, driver);

        w = host_write_at(bdf_format(bdf, text), "%s/bus/pci/drivers/%s/bind", host->sysfs, driver);
        r = driver_read(host, bdf, &second);
        if (r < 0)
                return r;
        if (strcmp(second, driver) == 0)
                return 0;
        return host_refuse_write(w, ret_message, "%s: %s did not bind", text, driver);
}

bool driver_exists(const HostPaths *host, const char *driver)
{
        return host_has("%s/bus/pci/drivers/%s", host->sysfs, driver);
}

void driver_await_udev(void)
{
        char program[] = "udevadm", settle[] = "settle", timeout[] = "--timeout=5";
        char *argv[] = {program, settle, timeout, NULL};
        int status;

        /* If udev needs longer, its later events make the daemon look again. */
        (void)!program_run("/bin/udevadm", argv, &status);
}

/* Looks for the module's directory in sysfs. Nobody asks for built-in drivers. */
static bool is_loaded(const char *module)
{
        char path[PATH_MAX];
        struct stat st;

        (void)snprintf(path, sizeof(path), "/sys/module/%s", module);
        for (char *c = path; (c = strchr(c, '-'));)
                *c = '_';
        return stat(path, &st) == 0;
}

/*
 * Runs modprobe if the daemon may load modules. If its unit forbids that, the daemon starts
 * modprobe@.service instead. That service reports no failure of modprobe, so check is_loaded().
 */
static int load(const char *module, bool *ret_loaded)
{
        char name[NAME_MAX + 1], unit[NAME_MAX + 32];
        char modprobe[] = "modprobe", quiet[] = "-q", end[] = "--";
        char systemctl[] = "systemctl", start[] = "start", no_ask[] = "--no-ask-password";
        char *direct[] = {modprobe, quiet, end, name, NULL};
        char *asked[] = {systemctl, start, quiet, no_ask, end, unit, NULL};
        int status = 0, r;

        (void)snprintf(name, sizeof(name), "%s", module);
        (void)snprintf(unit, sizeof(unit), "modprobe@%s.service", module);
        bool may = prctl(PR_CAPBSET_READ, CAP_SYS_MODULE) == 1;
        if (may)
                r = program_run("/sbin/modprobe", direct, &status);
        else
                r = program_run("/bin/systemctl", asked, &status);
        *ret_loaded = r == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
                      (may || is_loaded(module));
        return r;
}

int driver_load_module(const char *module, char **ret_message)
{
        bool is_there = false;

        int r = load(module, &is_there);
        if (r < 0)
                return r;
        if (r > 0)
                return host_refuse(REFUSAL_UNSUPPORTED, ret_message,
                                   "module %s is not loaded and modprobe cannot be run: %s", module,
                                   strerror(r));
        if (is_there)
                return 0;
        return host_refuse(REFUSAL_UNSUPPORTED, ret_message,
                           "module %s is not available: modprobe %s failed; "
                           "is it installed, and not blocked in /etc/modprobe.d?",
                           module, module);
}
