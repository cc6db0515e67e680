/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Devices by themselves: their nodes, and an iommufd that they are bound to, or that their owner
 * binds them to.
 *
 * Pinned memory is counted for each process against its own RLIMIT_MEMLOCK, as VFIO's containers do
 * it. So a program needs the same limit in every mode, and its /proc/PID/status shows the memory
 * that it has pinned. The kernel's default is the sum over all processes of a user, which is shown
 * nowhere. The daemon chooses before the iommufd has any object, as the kernel requires; this needs
 * CAP_SYS_RESOURCE (kernel-facts 4.3).
 */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/model/text.h"
#include "core/probe/cleanup.h"
#include "daemon/host/vfio.h"
#include "daemon/host/vfio_abi.h"

/* The node's name is that of the directory below the device's vfio-dev. */
int vfio_find_cdev(const HostPaths *host, Bdf bdf, char **ret_path)
{
        char text[BDF_TEXT_SIZE];

        _cleanup_(closedirp) DIR *dir = host_open_directory("%s/bus/pci/devices/%s/vfio-dev",
                                                            host->sysfs, bdf_format(bdf, text));
        if (!dir)
                return -errno;
        for (struct dirent *entry; (entry = readdir(dir));)
                if (strncmp(entry->d_name, "vfio", 4) == 0) {
                        *ret_path = text_print("%s/vfio/devices/%s", host->dev, entry->d_name);
                        return *ret_path ? 0 : -ENOMEM;
                }
        return -ENOENT;
}

static int open_device(const HostPaths *host, Bdf bdf, VfioFds *fds, int *ret_fd,
                       char **ret_message)
{
        char text[BDF_TEXT_SIZE], name[48];
        _cleanup_(freep) char *path = NULL;

        (void)bdf_format(bdf, text);
        int r = vfio_find_cdev(host, bdf, &path);
        if (r < 0)
                return host_refuse(REFUSAL_UNSUPPORTED, ret_message,
                                   "%s: this kernel gives it no VFIO character device; "
                                   "use mode vfio",
                                   text);
        (void)snprintf(name, sizeof(name), "device:%s", text);
        int fd = vfio_fds_open(fds, path, name);
        if (fd < 0)
                return host_refuse(fd == -ENOENT ? REFUSAL_UNSUPPORTED : REFUSAL_KERNEL_REFUSED,
                                   ret_message, "%s: opening %s failed: %s", text, path,
                                   strerror(-fd));
        *ret_fd = fd;
        return 0;
}

static int bind_device(int fd, int iommufd, Bdf bdf, char **ret_message)
{
        VfioBind bind = {.argsz = sizeof(bind), .iommufd = iommufd};
        char text[BDF_TEXT_SIZE];

        if (ioctl(fd, VFIO_BIND, &bind) == 0)
                return 0;
        return host_refuse(errno == EPERM || errno == EBUSY ? REFUSAL_NOT_VIABLE
                                                            : REFUSAL_KERNEL_REFUSED,
                           ret_message,
                           "%s: the kernel refuses to bind it to the iommufd: %s "
                           "(is a group member bound to a host driver?)",
                           bdf_format(bdf, text), strerror(errno));
}

static int add_device(const HostPaths *host, bool bind, int iommufd, Bdf bdf, VfioFds *fds,
                      char **ret_message)
{
        int fd = -1;

        int r = open_device(host, bdf, fds, &fd, ret_message);
        return r != 0 || !bind ? r : bind_device(fd, iommufd, bdf, ret_message);
}

int vfio_add_device(const HostPaths *host, bool bind, const VfioFds *fds, Bdf bdf, VfioFds *ret_fds,
                    char **ret_message)
{
        _cleanup_(vfio_fds_close) VfioFds more = {.n_items = 0};

        int r = add_device(host, bind, vfio_fds_find(fds, "iommufd"), bdf, &more, ret_message);
        if (r != 0)
                return r;
        *ret_fds = more;
        more.n_items = 0;
        return 0;
}

int vfio_serve_count(const HostPaths *host, const HelperRequest *request, int fd,
                     HelperReply *reply, int *ret_fd)
{
        IommufdOption option = {
                .size = sizeof(option),
                .option = IOMMUFD_OPTION_RLIMIT_MODE,
                .operation = IOMMUFD_OPTION_SET,
                .value = IOMMUFD_RLIMIT_OF_PROCESS,
        };

        return ioctl(fd, IOMMUFD_OPTION, &option) < 0 ? -errno : 0;
}

static int open_iommufd(const HostPaths *host, VfioFds *fds, int *ret_fd, char **ret_message)
{
        HelperRequest request = {.task = HELPER_COUNT_BY_PROCESS};
        HelperReply reply;
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/iommu", host->dev);
        int fd = vfio_fds_open(fds, path, "iommufd");
        if (fd < 0)
                return host_refuse(REFUSAL_UNSUPPORTED, ret_message,
                                   "opening %s failed: %s; use mode vfio", path, strerror(-fd));
        int r = helper_have_done(host, HELPER_SET, vfio_serve_count, &request, fd, &reply);
        if (r < 0)
                return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message,
                                   "the iommufd cannot be made to count memory for each "
                                   "process: %s",
                                   strerror(-r));
        *ret_fd = fd;
        return 0;
}

/*
 * Attaches all devices to one address space and detaches them again. The first device decides the
 * properties of the space. The kernel refuses an incompatible device here, and not later.
 */
static int try_together(int iommufd, const VfioFds *fds, char **ret_message)
{
        IommufdAlloc space = {.size = sizeof(space)};
        size_t n = 0;
        int r = 0;

        if (ioctl(iommufd, IOMMUFD_ALLOC, &space) < 0)
                return -errno;
        for (; r == 0 && n < fds->n_items; n++) {
                VfioAttach attach = {.argsz = sizeof(attach), .address_space = space.out_id};

                if (fds->items[n].fd == iommufd ||
                    ioctl(fds->items[n].fd, VFIO_ATTACH, &attach) == 0)
                        continue;
                r = host_refuse(REFUSAL_NOT_VIABLE, ret_message,
                                "%s cannot share one I/O address space with the others: %s; "
                                "take a lease for each group",
                                fds->items[n].name + strlen("device:"), strerror(errno));
        }
        vfio_detach(fds);
        IommufdDestroy destroy = {.size = sizeof(destroy), .id = space.out_id};
        if (ioctl(iommufd, IOMMUFD_DESTROY, &destroy) < 0 && r == 0)
                r = -errno;
        return r;
}

int vfio_claim_devices(const HostPaths *host, bool bind, const Bdf *devices, size_t n_devices,
                       VfioFds *ret_fds, char **ret_message)
{
        _cleanup_(vfio_fds_close) VfioFds fds = {.n_items = 0};
        int iommufd = -1;

        int r = open_iommufd(host, &fds, &iommufd, ret_message);
        for (size_t i = 0; r == 0 && i < n_devices; i++)
                r = add_device(host, bind, iommufd, devices[i], &fds, ret_message);
        if (r == 0 && bind && n_devices > 1)
                r = try_together(iommufd, &fds, ret_message);
        if (r != 0)
                return r;
        *ret_fds = fds;
        fds.n_items = 0;
        return 0;
}

/* --- leaving ---------------------------------------------------------------------------------- */

void vfio_detach(const VfioFds *fds)
{
        for (size_t i = 0; i < fds->n_items; i++) {
                struct vfio_iommu_type1_dma_unmap all = {.argsz = sizeof(all),
                                                         .flags = VFIO_DMA_UNMAP_FLAG_ALL};
                VfioAttach detach = {.argsz = offsetof(VfioAttach, address_space)};

                /* Detaching a device that is not attached, or not bound yet, fails without harm. */
                if (strncmp(fds->items[i].name, "device:", strlen("device:")) == 0)
                        (void)ioctl(fds->items[i].fd, VFIO_DETACH, &detach);
                else if (strcmp(fds->items[i].name, "container") == 0)
                        (void)ioctl(fds->items[i].fd, VFIO_IOMMU_UNMAP_DMA, &all);
        }
}

/* --- whose claim ------------------------------------------------------------------------------ */

/* A device that is bound to any iommufd answers. It stays bound while its descriptor is open. */
static bool is_bound(int fd)
{
        struct vfio_device_info info = {.argsz = sizeof(info)};

        return ioctl(fd, VFIO_DEVICE_GET_INFO, &info) == 0;
}

/*
 * An iommufd that stands in for a container claims nothing before a device of the group is opened,
 * but looks the same. If the kernel has iommufd, a container proves no claim (kernel-facts 4.2).
 */
static bool has_container(const HostPaths *host, int fd)
{
        struct vfio_group_status status = {.argsz = sizeof(status)};

        return !host_has("%s/class/misc/iommu", host->sysfs) &&
               ioctl(fd, VFIO_GROUP_GET_STATUS, &status) == 0 &&
               (status.flags & VFIO_GROUP_FLAGS_CONTAINER_SET);
}

bool vfio_is_claimed(const HostPaths *host, const VfioFds *fds, int32_t group)
{
        char name[48];

        (void)snprintf(name, sizeof(name), "group:%d", group);
        for (size_t i = 0; i < fds->n_items; i++) {
                const VfioFd *item = &fds->items[i];
                int32_t its = -1;
                Bdf bdf;

                if (strcmp(item->name, name) == 0)
                        return has_container(host, item->fd);
                if (strncmp(item->name, "device:", strlen("device:")) == 0 &&
                    bdf_parse(item->name + strlen("device:"), &bdf) &&
                    vfio_read_group(host, bdf, &its) == 0 && its == group && is_bound(item->fd))
                        return true;
        }
        return false;
}
