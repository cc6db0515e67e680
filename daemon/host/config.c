/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * pread and pwrite of the file `config`. The kernel makes each call one configuration cycle of the
 * same size. Values are little-endian, like the bus.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "daemon/host/config.h"

static int open_config(const HostPaths *host, Bdf bdf, int flags)
{
        char path[PATH_MAX];

        int fd = open(host_device_path(host, bdf, "config", path), flags | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int config_read(const HostPaths *host, Bdf bdf, unsigned offset, uint8_t *bytes, size_t n)
{
        _cleanup_(closep) int fd = open_config(host, bdf, O_RDONLY);
        if (fd < 0)
                return fd;
        ssize_t r = pread(fd, bytes, n, (off_t)offset);
        if (r < 0)
                return -errno;
        return (size_t)r == n ? 0 : -ENODATA;
}

int config_write16(const HostPaths *host, Bdf bdf, unsigned offset, uint16_t value)
{
        const uint8_t bytes[] = {(uint8_t)value, (uint8_t)(value >> 8)};

        _cleanup_(closep) int fd = open_config(host, bdf, O_WRONLY);
        if (fd < 0)
                return fd;
        ssize_t r = pwrite(fd, bytes, sizeof(bytes), (off_t)offset);
        if (r < 0)
                return -errno;
        return r == (ssize_t)sizeof(bytes) ? 0 : -EIO;
}
