/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Removal is read back. Return is not: the card may have been pulled. */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/probe/cleanup.h"
#include "daemon/guard/expel.h"

const char *expel_place(const PciDevice *device, char place[static EXPEL_PLACE_SIZE])
{
        if (device->has_parent)
                return bdf_format(device->parent_bdf, place);
        (void)snprintf(place, EXPEL_PLACE_SIZE, "%04x:%02x", device->bdf.domain, device->bdf.bus);
        return place;
}

int expel_device(const HostPaths *host, Bdf bdf, char **ret_message)
{
        char device[PATH_MAX], file[PATH_MAX], text[BDF_TEXT_SIZE];
        struct stat st;

        (void)snprintf(device, sizeof(device), "%s/bus/pci/devices/%s", host->sysfs,
                       bdf_format(bdf, text));
        (void)snprintf(file, sizeof(file), "%s/bus/pci/devices/%s/remove", host->sysfs, text);
        int w = host_write_text(file, "1");
        if (lstat(device, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message,
                           "%s: still there after it was removed%s%s", text, w < 0 ? ": " : "",
                           w < 0 ? strerror(-w) : "");
}

/* Finds the one bus right below a bridge. Returns 0 and the path of its rescan file, or -errno. */
static int bus_below(const HostPaths *host, Bdf bridge, char path[static PATH_MAX])
{
        char text[BDF_TEXT_SIZE], directory[PATH_MAX - NAME_MAX - sizeof("//rescan")];

        (void)snprintf(directory, sizeof(directory), "%s/bus/pci/devices/%s/pci_bus", host->sysfs,
                       bdf_format(bridge, text));
        _cleanup_(closedirp) DIR *dir = opendir(directory);
        if (!dir)
                return -errno;
        for (struct dirent *entry; (entry = readdir(dir));)
                if (entry->d_name[0] != '.') {
                        (void)snprintf(path, PATH_MAX, "%s/%s/rescan", directory, entry->d_name);
                        return 0;
                }
        return -ENOENT;
}

int expel_undo(const HostPaths *host, const char *place, char **ret_message)
{
        char path[PATH_MAX];
        Bdf bridge;
        int r = 0;

        if (bdf_parse(place, &bridge))
                r = bus_below(host, bridge, path);
        else
                (void)snprintf(path, sizeof(path), "%s/class/pci_bus/%s/rescan", host->sysfs,
                               place);
        if (r == 0)
                r = host_write_text(path, "1");
        if (r == 0 || r == -ENOENT)
                return 0;
        return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message,
                           "the bus at %s cannot be rescanned: %s", place, strerror(-r));
}
