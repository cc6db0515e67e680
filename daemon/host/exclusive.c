/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The node is opened twice. O_PATH is no use of the device and needs no rights; it shows which
 * device the node is. Then the same node is opened through /proc/self/fd with O_EXCL.
 */

#include "daemon/host/exclusive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A device that has gone, or has no driver or medium, is in nobody's exclusive use. */
static bool is_absence(int error)
{
        return error == ENOENT || error == ENXIO || error == ENODEV || error == ENOMEDIUM;
}

/* Opens the node of that device number. Returns the descriptor, the caller's, or -errno. */
static int find_node(const HostPaths *host, const char *name, dev_t number)
{
        char path[PATH_MAX];
        struct stat status;

        (void)snprintf(path, sizeof(path), "%s/%s", host->dev, name);
        for (char *c = path + strlen(host->dev) + 1; *c; c++)
                if (*c == '!')
                        *c = '/'; /* sysfs writes cciss/c0d0 as cciss!c0d0 */
        _cleanup_(closep) int node = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (node < 0 || fstat(node, &status) < 0)
                return -errno;
        if (!S_ISBLK(status.st_mode))
                return -ENOTBLK;
        return status.st_rdev == number ? TAKE_FD(node) : -ESTALE;
}

int exclusive_look(const HostPaths *host, const char *name, dev_t number)
{
        HelperRequest request = {.task = HELPER_EXCLUSIVE};
        HelperReply reply;

        _cleanup_(closep) int node = find_node(host, name, number);
        if (node < 0)
                return is_absence(-node) ? 0 : node;
        return helper_have_done(host, HELPER_LOOK, exclusive_serve, &request, node, &reply);
}

int exclusive_serve(const HostPaths *host, const HelperRequest *request, int fd, HelperReply *reply,
                    int *ret_fd)
{
        char path[sizeof("/proc/self/fd/") + 12];
        struct stat status;

        if (fstat(fd, &status) < 0)
                return -errno;
        if (!S_ISBLK(status.st_mode))
                return -ENOTBLK;
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        _cleanup_(closep) int own = open(path, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK);
        if (own >= 0 || is_absence(errno))
                return 0;
        return errno == EBUSY ? (int)EXCLUSIVE_TAKEN : -errno;
}
