/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each write is read back; only what is read counts. */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/probe/cleanup.h"
#include "daemon/guard/seal.h"

#define PCIEHP "bus/pci_express/drivers/pciehp"

static bool exists(const char *path)
{
        struct stat st;

        return lstat(path, &st) == 0;
}

int seal_find_slot(const HostPaths *host, Bdf bdf, char **ret_service)
{
        char path[PATH_MAX], port[BDF_TEXT_SIZE];

        *ret_service = NULL;
        (void)snprintf(path, sizeof(path), "%s/" PCIEHP, host->sysfs);
        size_t n = strlen(bdf_format(bdf, port));
        _cleanup_(closedirp) DIR *dir = opendir(path);
        if (!dir)
                return errno == ENOENT ? 0 : -errno;
        for (struct dirent *entry; (entry = readdir(dir));) {
                if (strncmp(entry->d_name, port, n) != 0 ||
                    strncmp(entry->d_name + n, ":pcie", strlen(":pcie")) != 0)
                        continue;
                *ret_service = strdup(entry->d_name);
                return *ret_service ? 0 : -ENOMEM;
        }
        return 0;
}

static void autoprobe_path(const HostPaths *host, const char *place, char path[static PATH_MAX])
{
        (void)snprintf(path, PATH_MAX, "%s/bus/pci/devices/%s/sriov_drivers_autoprobe", host->sysfs,
                       place);
}

/* Reads sriov_drivers_autoprobe of a function. Returns 0 and *ret_on, or -errno. */
static int read_autoprobe(const HostPaths *host, const char *place, bool *ret_on)
{
        _cleanup_(freep) char *text = NULL;
        char path[PATH_MAX];

        autoprobe_path(host, place, path);
        int r = host_read_text(path, &text);
        if (r == 0)
                *ret_on = strcmp(text, "0") != 0;
        return r;
}

bool seal_finds_vfs(const HostPaths *host, Bdf bdf)
{
        char text[BDF_TEXT_SIZE];
        bool on = false;

        return read_autoprobe(host, bdf_format(bdf, text), &on) == 0 && on;
}

static int write_autoprobe(const HostPaths *host, const char *place, bool on, char **ret_message)
{
        char path[PATH_MAX];
        bool now = !on;

        autoprobe_path(host, place, path);
        int w = host_write_text(path, on ? "1" : "0");
        int r = read_autoprobe(host, place, &now);
        if (r == -ENOENT)
                return 0; /* the function is gone, and its VFs with it */
        if (r < 0)
                return r;
        if (now == on)
                return 0;
        return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message,
                           "%s: sriov_drivers_autoprobe still reads %d%s%s", place, now,
                           w < 0 ? ": " : "", w < 0 ? strerror(-w) : "");
}

/* Binds pciehp to a service, or unbinds it. A port that is gone needs neither. */
static int write_slot(const HostPaths *host, const char *service, bool bound, char **ret_message)
{
        char device[PATH_MAX], link[PATH_MAX], file[PATH_MAX];

        (void)snprintf(device, sizeof(device), "%s/bus/pci_express/devices/%s", host->sysfs,
                       service);
        (void)snprintf(link, sizeof(link), "%s/" PCIEHP "/%s", host->sysfs, service);
        (void)snprintf(file, sizeof(file), "%s/" PCIEHP "/%s", host->sysfs,
                       bound ? "bind" : "unbind");
        if (!exists(device) || exists(link) == bound)
                return 0;
        int w = host_write_text(file, service);
        if (exists(link) == bound || !exists(device))
                return 0;
        return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message, "%s: pciehp could not be %s%s%s",
                           service, bound ? "bound again" : "unbound", w < 0 ? ": " : "",
                           w < 0 ? strerror(-w) : "");
}

int seal_make(const HostPaths *host, const LeaseChange *change, char **ret_message)
{
        return change->kind == LEASE_CHANGE_SEAL
                       ? write_slot(host, change->place, false, ret_message)
                       : write_autoprobe(host, change->place, false, ret_message);
}

int seal_undo(const HostPaths *host, const LeaseChange *change, char **ret_message)
{
        return change->kind == LEASE_CHANGE_SEAL
                       ? write_slot(host, change->place, true, ret_message)
                       : write_autoprobe(host, change->place, true, ret_message);
}

/* Whether there is such a slot, and whether pciehp drives it. */
static bool slot_exists(const HostPaths *host, const char *service, bool *ret_bound)
{
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/" PCIEHP "/%s", host->sysfs, service);
        *ret_bound = exists(path);
        (void)snprintf(path, sizeof(path), "%s/bus/pci_express/devices/%s", host->sysfs, service);
        return exists(path);
}

bool seal_is_open(const HostPaths *host, const LeaseChange *change)
{
        bool on = false;

        return change->kind == LEASE_CHANGE_SEAL && slot_exists(host, change->place, &on) && on;
}
