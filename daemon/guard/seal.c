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

#define SERVICES "bus/pci_express/devices"
#define AUTOPROBE "%s/bus/pci/devices/%s/sriov_drivers_autoprobe"

int seal_find_slot(const HostPaths *host, Bdf bdf, char **ret_service)
{
        char port[BDF_TEXT_SIZE];

        *ret_service = NULL;
        size_t n = strlen(bdf_format(bdf, port));
        _cleanup_(closedirp) DIR *dir = host_open_directory("%s/" PCIEHP, host->sysfs);
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

/* Reads sriov_drivers_autoprobe of a function. Returns 0 and *ret_on, or -errno. */
static int read_autoprobe(const HostPaths *host, const char *place, bool *ret_on)
{
        _cleanup_(freep) char *text = NULL;

        int r = host_read_at(&text, AUTOPROBE, host->sysfs, place);
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
        bool now = !on;

        int w = host_write_at(on ? "1" : "0", AUTOPROBE, host->sysfs, place);
        int r = read_autoprobe(host, place, &now);
        if (r == -ENOENT)
                return 0; /* the function is gone, and its VFs with it */
        if (r < 0)
                return r;
        if (now == on)
                return 0;
        return host_refuse_write(w, ret_message, "%s: sriov_drivers_autoprobe still reads %d",
                                 place, now);
}

/* Whether there is such a slot, and whether pciehp drives it. */
static bool slot_exists(const HostPaths *host, const char *service, bool *ret_bound)
{
        *ret_bound = host_has("%s/" PCIEHP "/%s", host->sysfs, service);
        return host_has("%s/" SERVICES "/%s", host->sysfs, service);
}

/* Binds pciehp to a service, or unbinds it. A port that is gone needs neither. */
static int write_slot(const HostPaths *host, const char *service, bool bound, char **ret_message)
{
        bool now;

        if (!slot_exists(host, service, &now) || now == bound)
                return 0;
        int w = host_write_at(service, "%s/" PCIEHP "/%s", host->sysfs, bound ? "bind" : "unbind");
        if (!slot_exists(host, service, &now) || now == bound)
                return 0;
        return host_refuse_write(w, ret_message, "%s: pciehp could not be %s", service,
                                 bound ? "bound again" : "unbound");
}

int seal_switch(const HostPaths *host, const LeaseChange *change, bool on, char **ret_message)
{
        return change->kind == LEASE_CHANGE_SEAL
                       ? write_slot(host, change->place, on, ret_message)
                       : write_autoprobe(host, change->place, on, ret_message);
}

bool seal_is_open(const HostPaths *host, const LeaseChange *change)
{
        bool on = false;

        return change->kind == LEASE_CHANGE_SEAL && slot_exists(host, change->place, &on) && on;
}
