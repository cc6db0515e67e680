/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Binding, unbinding and overriding, one verified write at a time.
 */

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "daemon/host/driver.h"

static void device_path(const HostPaths *host, Bdf bdf, const char *attribute,
                        char path[static PATH_MAX])
{
        char text[BDF_TEXT_SIZE];

        (void)snprintf(path, PATH_MAX, "%s/bus/pci/devices/%s/%s", host->sysfs,
                       bdf_format(bdf, text), attribute);
}

int driver_read(const HostPaths *host, Bdf bdf, char **ret_driver)
{
        char path[PATH_MAX];
        struct stat st;

        device_path(host, bdf, "driver", path);
        int r = host_read_link_name(path, ret_driver);
        if (r != -ENOENT)
                return r;

        device_path(host, bdf, ".", path);
        if (stat(path, &st) < 0)
                return -errno;
        char *none = strdup("");
        if (!none)
                return -ENOMEM;
        *ret_driver = none;
        return 0;
}

int driver_override_read(const HostPaths *host, Bdf bdf, char **ret_override)
{
        char path[PATH_MAX];

        device_path(host, bdf, "driver_override", path);
        int r = host_read_text(path, ret_override);
        if (r < 0)
                return r;
        if (strcmp(*ret_override, DRIVER_OVERRIDE_NONE) == 0)
                (*ret_override)[0] = '\0';
        return 0;
}

int driver_override_write(const HostPaths *host, Bdf bdf, const char *override, char **ret_message)
{
        char path[PATH_MAX], text[BDF_TEXT_SIZE];
        _cleanup_(freep) char *now = NULL;

        /* An empty write does nothing; a newline clears. */
        device_path(host, bdf, "driver_override", path);
        int r = host_write_text(path, override[0] ? override : "\n");
        if (r < 0)
                return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message,
                                   "%s: writing driver_override failed: %s", bdf_format(bdf, text),
                                   strerror(-r));
        r = driver_override_read(host, bdf, &now);
        if (r < 0)
                return r;
        if (strcmp(now, override) != 0)
                return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message,
                                   "%s: driver_override reads \"%s\" after writing \"%s\"",
                                   bdf_format(bdf, text), now, override);
        return 0;
}

int driver_unbind(const HostPaths *host, Bdf bdf, char **ret_message)
{
        char path[PATH_MAX], text[BDF_TEXT_SIZE];
        _cleanup_(freep) char *before = NULL, *after = NULL;

        int r = driver_read(host, bdf, &before);
        if (r < 0)
                return r;
        if (!before[0])
                return 0;

        device_path(host, bdf, "driver/unbind", path);
        int w = host_write_text(path, bdf_format(bdf, text));
        r = driver_read(host, bdf, &after);
        if (r < 0)
                return r;
        if (!after[0])
                return 0;
        return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message,
                           "%s: still bound to %s after unbinding%s%s", text, after,
                           w < 0 ? ": " : "", w < 0 ? strerror(-w) : "");
}

/* Asks the kernel to match, and returns the driver that is bound afterwards. */
static int probe_and_read(const HostPaths *host, Bdf bdf, int *ret_write_error, char **ret_driver)
{
        char path[PATH_MAX], text[BDF_TEXT_SIZE];

        (void)snprintf(path, sizeof(path), "%s/bus/pci/drivers_probe", host->sysfs);
        *ret_write_error = host_write_text(path, bdf_format(bdf, text));
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
                return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message, "%s: probing failed: %s",
                                   bdf_format(bdf, text), strerror(-w));
        return 0;
}

int driver_bind(const HostPaths *host, Bdf bdf, const char *driver, char **ret_message)
{
        char path[PATH_MAX], text[BDF_TEXT_SIZE];
        _cleanup_(freep) char *first = NULL, *second = NULL;
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

        (void)snprintf(path, sizeof(path), "%s/bus/pci/drivers/%s/bind", host->sysfs, driver);
        w = host_write_text(path, bdf_format(bdf, text));
        r = driver_read(host, bdf, &second);
        if (r < 0)
                return r;
        if (strcmp(second, driver) == 0)
                return 0;
        return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message, "%s: %s did not bind%s%s",
                           bdf_format(bdf, text), driver, w < 0 ? ": " : "",
                           w < 0 ? strerror(-w) : "");
}

bool driver_exists(const HostPaths *host, const char *driver)
{
        char path[PATH_MAX];
        struct stat st;

        (void)snprintf(path, sizeof(path), "%s/bus/pci/drivers/%s", host->sysfs, driver);
        return stat(path, &st) == 0;
}

int driver_load_module(const char *module, char **ret_message)
{
        char name[NAME_MAX + 1];
        char program[] = "modprobe", quiet[] = "-q", end[] = "--";
        char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
        char *argv[] = {program, quiet, end, name, NULL};
        char *envp[] = {path, NULL};
        pid_t pid;
        int status;

        (void)snprintf(name, sizeof(name), "%s", module);
        int r = posix_spawn(&pid, "/sbin/modprobe", NULL, NULL, argv, envp);
        if (r != 0)
                return host_refuse(REFUSAL_UNSUPPORTED, ret_message,
                                   "module %s is not loaded and modprobe cannot be run: %s", module,
                                   strerror(r));
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        return host_refuse(REFUSAL_UNSUPPORTED, ret_message,
                           "module %s is not available: modprobe %s failed; "
                           "is it installed, and not blocked in /etc/modprobe.d?",
                           module, module);
}
