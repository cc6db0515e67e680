/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Opens groups, attaches them to a container, and attaches them again. This runs in a worker; the
 * fds travel to the daemon.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>

#include "core/probe/cleanup.h"
#include "daemon/host/driver.h"
#include "daemon/host/vfio.h"
#include "daemon/host/vfio_abi.h"

#define AWAIT_STEP_NSEC 20000000L

static int check_viable(int fd, int32_t group, char **ret_message)
{
        struct vfio_group_status status = {.argsz = sizeof(status)};

        if (ioctl(fd, VFIO_GROUP_GET_STATUS, &status) < 0)
                return -errno;
        if (status.flags & VFIO_GROUP_FLAGS_VIABLE)
                return 0;
        return host_refuse(REFUSAL_NOT_VIABLE, ret_message,
                           "kernel group %d: the kernel calls it not viable: "
                           "a member is bound to a host driver",
                           group);
}

static int attach_group(int fd, int container, int32_t group, char **ret_message)
{
        int r = check_viable(fd, group, ret_message);
        if (r != 0)
                return r;
        if (ioctl(fd, VFIO_GROUP_SET_CONTAINER, &container) < 0)
                return host_refuse(errno == EPERM || errno == EBUSY ? REFUSAL_NOT_VIABLE
                                                                    : REFUSAL_KERNEL_REFUSED,
                                   ret_message,
                                   "kernel group %d: the kernel refuses DMA ownership: %s "
                                   "(is a member bound to a host driver?)",
                                   group, strerror(errno));
        return 0;
}

/* Opens a group's node and adds it. Returns 0 and *ret_fd, borrowed, or a Refusal. */
static int open_group(const HostPaths *host, int32_t group, VfioFds *fds, int *ret_fd,
                      char **ret_message)
{
        char path[PATH_MAX], name[48];

        (void)snprintf(path, sizeof(path), "%s/vfio/%d", host->dev, group);
        (void)snprintf(name, sizeof(name), "group:%d", group);
        int fd = vfio_fds_open(fds, path, name);
        if (fd == -EBUSY)
                return host_refuse(REFUSAL_BUSY, ret_message,
                                   "kernel group %d: %s is open in another process", group, path);
        if (fd < 0)
                return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message, "opening %s failed: %s",
                                   path, strerror(-fd));
        *ret_fd = fd;
        return 0;
}

static int claim_group(const HostPaths *host, int container, int32_t group, VfioFds *fds,
                       char **ret_message)
{
        int fd = -1;

        int r = open_group(host, group, fds, &fd, ret_message);
        return r != 0 ? r : attach_group(fd, container, group, ret_message);
}

int vfio_open_groups(const HostPaths *host, const int32_t *groups, size_t n_groups,
                     VfioFds *ret_fds, char **ret_message)
{
        _cleanup_(vfio_fds_close) VfioFds fds = {.n_items = 0};

        for (size_t i = 0; i < n_groups; i++) {
                int fd = -1;
                int r = open_group(host, groups[i], &fds, &fd, ret_message);
                if (r == 0)
                        r = check_viable(fd, groups[i], ret_message);
                if (r != 0)
                        return r;
        }
        *ret_fds = fds;
        fds.n_items = 0;
        return 0;
}

static int refuse_address_space(int32_t group, char **ret_message)
{
        return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message,
                           "kernel group %d: no I/O address space: %s%s", group, strerror(errno),
                           errno == EPERM ? " (no interrupt remapping; see "
                                            "allow_unsafe_interrupts of vfio_iommu_type1)"
                                          : "");
}

/* Attaches the group of that index to the container that those before it are in. */
static int join_groups(int fd, int container, const int32_t *groups, size_t index,
                       char **ret_message)
{
        int r = check_viable(fd, groups[index], ret_message);
        if (r != 0)
                return r;
        if (ioctl(fd, VFIO_GROUP_SET_CONTAINER, &container) == 0)
                return 0;
        if (errno == EPERM || errno == EBUSY)
                return attach_group(fd, container, groups[index], ret_message);
        return host_refuse(REFUSAL_NOT_VIABLE, ret_message,
                           "kernel groups %d and %d cannot share one I/O address space: %s; "
                           "take a lease for each",
                           groups[0], groups[index], strerror(errno));
}

int vfio_claim_groups(const HostPaths *host, const int32_t *groups, size_t n_groups,
                      VfioFds *ret_fds, char **ret_message)
{
        _cleanup_(vfio_fds_close) VfioFds fds = {.n_items = 0};
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/vfio/vfio", host->dev);
        int container = vfio_fds_open(&fds, path, "container");
        if (container < 0)
                return host_refuse(REFUSAL_UNSUPPORTED, ret_message,
                                   "opening %s failed: %s; is the vfio module loaded?", path,
                                   strerror(-container));
        if (ioctl(container, VFIO_GET_API_VERSION) != VFIO_API_VERSION)
                return host_refuse(REFUSAL_UNSUPPORTED, ret_message,
                                   "%s speaks another VFIO version", path);

        for (size_t i = 0; i < n_groups; i++) {
                int fd = -1;
                int r = open_group(host, groups[i], &fds, &fd, ret_message);
                if (r == 0)
                        r = i == 0 ? attach_group(fd, container, groups[i], ret_message)
                                   : join_groups(fd, container, groups, i, ret_message);
                if (r != 0)
                        return r;
                /* The first group decides the IOMMU of the container. */
                if (i == 0 && ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) < 0)
                        return refuse_address_space(groups[i], ret_message);
        }
        *ret_fds = fds;
        fds.n_items = 0;
        return 0;
}

/* Attaches a group to a container that it may be in already. New fds are added to `more`. */
static int claim_group_again(const HostPaths *host, const VfioFds *fds, int32_t group,
                             VfioFds *more, char **ret_message)
{
        struct vfio_group_status status = {.argsz = sizeof(status)};
        int container = vfio_fds_find(fds, "container");
        char name[48];
        int r;

        (void)snprintf(name, sizeof(name), "group:%d", group);
        int old = vfio_fds_find(fds, name);
        bool is_alive = old >= 0 && ioctl(old, VFIO_GROUP_GET_STATUS, &status) == 0;
        if (is_alive && (status.flags & VFIO_GROUP_FLAGS_CONTAINER_SET))
                return 0;
        if (is_alive)
                r = attach_group(old, container, group, ret_message);
        else
                r = claim_group(host, container, group, more, ret_message);
        if (r != 0)
                return r;
        /* A container loses its IOMMU with its last group. Otherwise it still has one (EINVAL). */
        if (ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) < 0 && errno != EINVAL)
                return refuse_address_space(group, ret_message);
        return 0;
}

/* Opens a group's node again, unless the descriptor at hand still works. */
static int open_group_again(const HostPaths *host, const VfioFds *fds, int32_t group, VfioFds *more,
                            char **ret_message)
{
        struct vfio_group_status status = {.argsz = sizeof(status)};
        char name[48];
        int fd;

        (void)snprintf(name, sizeof(name), "group:%d", group);
        int old = vfio_fds_find(fds, name);
        if (old >= 0 && ioctl(old, VFIO_GROUP_GET_STATUS, &status) == 0)
                return 0;
        return open_group(host, group, more, &fd, ret_message);
}

int vfio_claim_again(const HostPaths *host, LeaseMode mode, const VfioFds *fds, Bdf bdf,
                     int32_t group, VfioFds *ret_fds, char **ret_message)
{
        _cleanup_(vfio_fds_close) VfioFds more = {.n_items = 0};
        int r = 0;

        switch (mode) {
        case LEASE_MODE_IOMMUFD:
        case LEASE_MODE_IOMMUFD_UNBOUND:
                r = vfio_add_device(host, mode == LEASE_MODE_IOMMUFD, fds, bdf, &more, ret_message);
                break;
        case LEASE_MODE_VFIO:
                r = claim_group_again(host, fds, group, &more, ret_message);
                break;
        case LEASE_MODE_GROUP_FD:
                r = open_group_again(host, fds, group, &more, ret_message);
                break;
        case LEASE_MODE_PATH:
        case LEASE_MODE_NONE:
        case _LEASE_MODE_N:
                break;
        }
        if (r != 0)
                return r;
        *ret_fds = more;
        more.n_items = 0;
        return 0;
}

void vfio_await_closed(const HostPaths *host, const int32_t *groups, size_t n_groups,
                       unsigned seconds)
{
        const struct timespec pause = {.tv_nsec = AWAIT_STEP_NSEC};
        const size_t n_steps = (size_t)seconds * (1000000000L / AWAIT_STEP_NSEC);
        size_t step = 0;

        for (size_t i = 0; i < n_groups; i++) {
                char path[PATH_MAX];

                (void)snprintf(path, sizeof(path), "%s/vfio/%d", host->dev, groups[i]);
                for (; step < n_steps; step++) {
                        /* The kernel lets one opener in at a time (kernel-facts 4.3). */
                        _cleanup_(closep) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
                        if (fd >= 0 || errno != EBUSY)
                                break;
                        (void)nanosleep(&pause, NULL);
                }
        }
}

bool vfio_lacks_iommufd(const HostPaths *host, LeaseMode mode)
{
        return (mode == LEASE_MODE_IOMMUFD || mode == LEASE_MODE_IOMMUFD_UNBOUND) &&
               !host_has("%s/iommu", host->dev);
}

int vfio_load(const HostPaths *host, LeaseMode mode, char **ret_message)
{
        if (!driver_exists(host, "vfio-pci")) {
                int r = driver_load_module("vfio-pci", ret_message);
                if (r != 0)
                        return r;
        }
        if (!vfio_lacks_iommufd(host, mode))
                return 0;
        _cleanup_(freep) char *why = NULL;
        int r = driver_load_module("iommufd", &why);
        if (r > 0)
                return host_refuse(REFUSAL_UNSUPPORTED, ret_message,
                                   "this kernel has no iommufd; use mode vfio");
        return r;
}
