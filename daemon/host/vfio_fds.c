/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The descriptors of a claim by name, and the number of a device's group. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/probe/cleanup.h"
#include "daemon/host/vfio.h"

void vfio_fds_close(VfioFds *fds)
{
        for (size_t i = 0; i < fds->n_items; i++)
                closep(&fds->items[i].fd);
        fds->n_items = 0;
}

int vfio_fds_open(VfioFds *fds, const char *path, const char *name)
{
        if (fds->n_items >= VFIO_FDS_MAX)
                return -E2BIG;
        int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;
        VfioFd *item = &fds->items[fds->n_items++];
        (void)snprintf(item->name, sizeof(item->name), "%s", name);
        item->fd = fd;
        return fd;
}

int vfio_fds_find(const VfioFds *fds, const char *name)
{
        for (size_t i = 0; i < fds->n_items; i++)
                if (strcmp(fds->items[i].name, name) == 0)
                        return fds->items[i].fd;
        return -1;
}

int vfio_read_group(const HostPaths *host, Bdf bdf, int32_t *ret_group)
{
        _cleanup_(freep) char *name = NULL;
        char *end;

        int r = host_read_device_link(host, bdf, "iommu_group", &name);
        if (r < 0)
                return r;
        long number = strtol(name, &end, 10);
        if (end == name || *end || number < 0 || number > INT32_MAX)
                return -EBADMSG;
        *ret_group = (int32_t)number;
        return 0;
}
