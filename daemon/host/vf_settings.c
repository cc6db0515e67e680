/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each question uses a socket of its own: there are few questions. */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/host/netlink.h"
#include "daemon/host/vf_settings.h"

/* --- which interface -------------------------------------------------------------------------- */

/* N of "virtfnN"; false for other names. */
static bool parse_virtfn(const char *name, unsigned *ret_number)
{
        char *rest;

        if (strncmp(name, "virtfn", strlen("virtfn")) != 0)
                return false;
        name += strlen("virtfn");
        unsigned long number = strtoul(name, &rest, 10);
        if (rest == name || *rest || name[0] == '-' || number > UINT16_MAX)
                return false;
        *ret_number = (unsigned)number;
        return true;
}

int vf_settings_find(const HostPaths *host, Bdf vf, Bdf *ret_pf, unsigned *ret_number)
{
        _cleanup_(freep) char *pf = NULL;
        char text[BDF_TEXT_SIZE];

        int r = host_read_device_link(host, vf, "physfn", &pf);
        if (r < 0)
                return r == -ENOENT ? VF_SETTINGS_E_NONE : r;
        if (!bdf_parse(pf, ret_pf))
                return VF_SETTINGS_E_NONE;
        (void)bdf_format(vf, text);
        _cleanup_(closedirp) DIR *dir =
                host_open_directory("%s/bus/pci/devices/%s", host->sysfs, pf);
        if (!dir)
                return errno == ENOENT ? VF_SETTINGS_E_NONE : -errno;
        for (struct dirent *entry; (entry = readdir(dir));) {
                _cleanup_(freep) char *name = NULL;

                if (parse_virtfn(entry->d_name, ret_number) &&
                    host_read_device_link(host, *ret_pf, entry->d_name, &name) == 0 &&
                    strcmp(name, text) == 0)
                        return 0;
        }
        return VF_SETTINGS_E_NONE;
}

static int compare_int(const void *a, const void *b)
{
        int x = *(const int *)a, y = *(const int *)b;

        return (x > y) - (x < y);
}

int vf_settings_interfaces(const HostPaths *host, Bdf pf, int interfaces[static VF_INTERFACES_MAX])
{
        char path[PATH_MAX];
        int n = 0;

        _cleanup_(closedirp) DIR *dir = opendir(host_device_path(host, pf, "net", path));
        if (!dir)
                return errno == ENOENT ? 0 : -errno;
        for (struct dirent *entry; n < VF_INTERFACES_MAX && (entry = readdir(dir));) {
                _cleanup_(freep) char *index = NULL;

                if (entry->d_name[0] == '.' ||
                    host_read_at(&index, "%s/%s/ifindex", path, entry->d_name) < 0)
                        continue; /* the interface has gone meanwhile */
                long number = strtol(index, NULL, 10);
                if (number > 0 && number <= INT_MAX)
                        interfaces[n++] = (int)number;
        }
        qsort(interfaces, (size_t)n, sizeof(*interfaces), compare_int);
        return n;
}

/* --- asking ----------------------------------------------------------------------------------- */

int vf_settings_read_interface(int interface, unsigned number, VfSettings *ret_settings)
{
        _cleanup_(freep) void *buffer = malloc(NETLINK_SIZE);

        if (!buffer)
                return -ENOMEM;
        (void)vf_netlink_ask(buffer, interface);
        /* The kernel queues the answer before send(2) returns: there is nothing to wait for. */
        ssize_t n = netlink_ask(NETLINK_ROUTE, buffer, MSG_DONTWAIT);
        int r = n < 0 ? (int)n
                      : vf_netlink_parse(buffer, (size_t)n, interface, number, ret_settings);
        return r == -ENODEV || r == VF_NETLINK_E_NONE ? VF_SETTINGS_E_NONE : r;
}

int vf_settings_write_interface(int interface, unsigned number, const VfSettings *settings,
                                VfSetting setting)
{
        _cleanup_(freep) void *buffer = malloc(NETLINK_SIZE);

        if (!buffer)
                return -ENOMEM;
        (void)vf_netlink_order(buffer, interface, number, settings, setting);
        ssize_t n = netlink_ask(NETLINK_ROUTE, buffer, MSG_DONTWAIT);
        return n < 0 ? (int)n : netlink_parse_ack(buffer, (size_t)n);
}

int vf_settings_restore_interface(int interface, unsigned number, const VfSettings *saved,
                                  char **ret_message)
{
        VfSettings now;
        int answers[_VF_SETTING_N] = {0};

        int r = vf_settings_read_interface(interface, number, &now);
        for (VfSetting s = 0; r == 0 && s < _VF_SETTING_N; s++)
                if (vf_settings_differ(saved, &now, s))
                        answers[s] = vf_settings_write_interface(interface, number, saved, s);
        if (r == 0)
                r = vf_settings_read_interface(interface, number, &now);
        if (r != 0)
                return r == VF_SETTINGS_E_NONE ? 0 : r;
        for (VfSetting s = 0; s < _VF_SETTING_N; s++)
                if (vf_settings_differ(saved, &now, s))
                        return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message,
                                           "%s of virtual function %u, interface %d, is not what "
                                           "it was%s%s",
                                           vf_setting_to_string(s), number, interface,
                                           answers[s] < 0 ? ": " : "",
                                           answers[s] < 0 ? strerror(-answers[s]) : "");
        return 0;
}

/* Finds the interface that knows the VF, and its settings. Same returns as vf_settings_read(). */
static int locate(const HostPaths *host, Bdf vf, int *ret_interface, unsigned *ret_number,
                  VfSettings *ret_settings)
{
        int interfaces[VF_INTERFACES_MAX];
        Bdf pf;

        int r = vf_settings_find(host, vf, &pf, ret_number);
        if (r != 0)
                return r;
        int n = vf_settings_interfaces(host, pf, interfaces);
        if (n < 0)
                return n;
        for (int i = 0; i < n; i++) {
                *ret_interface = interfaces[i];
                r = vf_settings_read_interface(interfaces[i], *ret_number, ret_settings);
                if (r != VF_SETTINGS_E_NONE)
                        return r;
        }
        return VF_SETTINGS_E_NONE;
}

int vf_settings_read(const HostPaths *host, Bdf vf, VfSettings *ret_settings)
{
        unsigned number;
        int interface;

        return locate(host, vf, &interface, &number, ret_settings);
}

int vf_settings_restore(const HostPaths *host, Bdf vf, const VfSettings *saved, char **ret_message)
{
        VfSettings now;
        unsigned number;
        int interface;

        if (saved->known == 0)
                return 0;
        int r = locate(host, vf, &interface, &number, &now);
        if (r != 0)
                return r == VF_SETTINGS_E_NONE ? 0 : r;
        return vf_settings_restore_interface(interface, number, saved, ret_message);
}
