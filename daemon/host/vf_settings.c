/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each question uses a socket of its own: there are few questions. */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

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

/* Sends a request and receives the kernel's answer, whole. Returns 0 and *ret, or -errno. */
static int converse(const uint8_t *request, size_t n_request, uint8_t **ret_answer,
                    size_t *ret_n_answer)
{
        struct sockaddr_nl from = {.nl_family = AF_NETLINK};
        socklen_t n_from = sizeof(from);

        _cleanup_(closep) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        if (fd < 0 || sendto(fd, request, n_request, 0, (struct sockaddr *)&from, n_from) < 0)
                return -errno;
        /* The kernel has queued the answer by now: read its length. */
        ssize_t n = recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
        if (n < 0)
                return -errno;
        _cleanup_(freep) uint8_t *answer = malloc((size_t)n + 1);
        if (!answer)
                return -ENOMEM;
        n = recvfrom(fd, answer, (size_t)n, 0, (struct sockaddr *)&from, &n_from);
        if (n < 0)
                return -errno;
        if (n_from != sizeof(from) || from.nl_pid != 0)
                return -EBADMSG; /* not sent by the kernel */
        *ret_answer = TAKE_PTR(answer);
        *ret_n_answer = (size_t)n;
        return 0;
}

int vf_settings_read_interface(int interface, unsigned number, VfSettings *ret_settings)
{
        uint8_t request[VF_NETLINK_ASK_SIZE];
        _cleanup_(freep) uint8_t *answer = NULL;
        size_t n_answer;

        int r = converse(request, vf_netlink_ask(request, interface), &answer, &n_answer);
        if (r == 0)
                r = vf_netlink_parse(answer, n_answer, interface, number, ret_settings);
        return r == -ENODEV || r == VF_NETLINK_E_NONE ? VF_SETTINGS_E_NONE : r;
}

int vf_settings_write_interface(int interface, unsigned number, const VfSettings *settings,
                                VfSetting setting)
{
        uint8_t request[VF_NETLINK_ASK_SIZE];
        _cleanup_(freep) uint8_t *answer = NULL;
        size_t n_answer;

        int r = converse(request, vf_netlink_order(request, interface, number, settings, setting),
                         &answer, &n_answer);
        return r < 0 ? r : vf_netlink_parse_ack(answer, n_answer);
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
