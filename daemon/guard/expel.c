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
        if (device->place.has_parent)
                return bdf_format(device->place.parent_bdf, place);
        (void)snprintf(place, EXPEL_PLACE_SIZE, "%04x:%02x", device->bdf.domain, device->bdf.bus);
        return place;
}

int expel_device(const HostPaths *host, Bdf bdf, char **ret_message)
{
        char text[BDF_TEXT_SIZE];

        int w = host_write_device(host, bdf, "remove", "1");
        if (!host_has_device(host, bdf))
                return 0;
        return host_refuse_write(w, ret_message, "%s: still there after it was removed",
                                 bdf_format(bdf, text));
}

/* Rescans the one bus right below a bridge. Returns 0 or -errno. */
static int rescan_below(const HostPaths *host, Bdf bridge)
{
        char directory[PATH_MAX];

        _cleanup_(closedirp) DIR *dir =
                opendir(host_device_path(host, bridge, "pci_bus", directory));
        if (!dir)
                return -errno;
        for (struct dirent *entry; (entry = readdir(dir));)
                if (entry->d_name[0] != '.')
                        return host_write_at("1", "%s/%s/rescan", directory, entry->d_name);
        return -ENOENT;
}

int expel_undo(const HostPaths *host, const char *place, char **ret_message)
{
        Bdf bridge;

        int r = bdf_parse(place, &bridge)
                        ? rescan_below(host, bridge)
                        : host_write_at("1", "%s/class/pci_bus/%s/rescan", host->sysfs, place);
        if (r == 0 || r == -ENOENT)
                return 0;
        return host_refuse_write(r, ret_message, "the bus at %s cannot be rescanned",
                                 place);
}
