/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Claims groups: from devices that are bound to vfio-pci to file descriptors that own their DMA.
 *
 * The DMA ownership of the kernel belongs to open file descriptions (kernel-facts 4.3): after a
 * successful claim, no host driver can bind any present or future member while any copy of these
 * fds is open. There are two ways: group and container (every kernel from 5.19 on), and iommufd
 * with a bound cdev per device (from 6.6 on, if the kernel was built with it).
 */

#include <limits.h>

#include "core/model/policy.h"
#include "daemon/host/helper.h"
#include "daemon/host/host.h"

#define VFIO_FDS_MAX 256

typedef struct VfioFd {
        char name[48]; /* "container", "iommufd", "group:5", "device:0000:01:00.0" */
        int fd;
} VfioFd;

typedef struct VfioFds {
        VfioFd items[VFIO_FDS_MAX];
        size_t n_items;
} VfioFds;

/* Closes all fds and empties the set. */
void vfio_fds_close(VfioFds *fds);

/* Opens `path` and adds it under `name`. Returns the fd, borrowed, or -errno. */
_nodiscard_ int vfio_fds_open(VfioFds *fds, const char *path, const char *name);

/*
 * Opens a container, attaches every group in `groups` (kernel numbers) to it and chooses the
 * type1v2 IOMMU. Returns 0 and adds "container" and "group:N" fds, a Refusal with *ret_message, or
 * -errno; on failure nothing stays open.
 */
_nodiscard_ int vfio_claim_groups(const HostPaths *host, const int32_t *groups, size_t n_groups,
                                  VfioFds *ret_fds, char **ret_message);

/*
 * Opens every group and checks that the kernel would let it be claimed; the owner claims it.
 * Returns 0 and adds "group:N" fds, a Refusal with *ret_message, or -errno; on failure nothing
 * stays open.
 */
_nodiscard_ int vfio_open_groups(const HostPaths *host, const int32_t *groups, size_t n_groups,
                                 VfioFds *ret_fds, char **ret_message);

/*
 * Opens an iommufd that counts pinned memory for each process (a privileged helper sets that, if
 * there is one), and the cdev of every device. With `bind` the devices are bound to the iommufd;
 * several devices are tried in one address space, which is closed afterwards. Returns 0 and adds
 * "iommufd" and "device:BDF" fds, a Refusal with *ret_message, or -errno; on failure nothing stays
 * open.
 */
_nodiscard_ int vfio_claim_devices(const HostPaths *host, bool bind, const Bdf *devices,
                                   size_t n_devices, VfioFds *ret_fds, char **ret_message);

/* The helper's part: makes an iommufd count pinned memory for each process. */
int vfio_serve_count(const HostPaths *host, const HelperRequest *request, int fd, HelperReply *reply,
                     int *ret_fd);

/* Opens one more device for the iommufd in `fds`, with `bind` bound to it. Same returns. */
_nodiscard_ int vfio_add_device(const HostPaths *host, bool bind, const VfioFds *fds, Bdf bdf,
                                VfioFds *ret_fds, char **ret_message);

/*
 * Adds one device to the fds of any of the above, in `fds`: its group (kernel number) to the
 * container, or the device to the iommufd. A group that is in the container already needs nothing;
 * one that the kernel ended with its last device gets a new "group:N". Returns as above, with the
 * new fds in *ret_fds.
 */
_nodiscard_ int vfio_claim_again(const HostPaths *host, LeaseMode mode, const VfioFds *fds, Bdf bdf,
                                 int32_t group, VfioFds *ret_fds, char **ret_message);

/*
 * Whether the kernel is known to keep host drivers off a group because the owner of these fds has
 * claimed it: by its container (mode group-fd), or by a device that was bound (iommufd-unbound).
 * May block while such a device is being opened.
 */
bool vfio_is_claimed(const HostPaths *host, const VfioFds *fds, int32_t group);

/*
 * Takes all memory away from the devices, as far as these fds allow: devices that are bound to an
 * iommufd leave their address space, and a container loses all its mappings. May block while such a
 * device is being opened. Any process with copies of the fds can undo it.
 */
void vfio_detach(const VfioFds *fds);

/* The node of a device in /dev/vfio/devices. Returns 0, or -ENOENT if it has none, or -errno. */
_nodiscard_ int vfio_find_cdev(const HostPaths *host, Bdf bdf, char **ret_path);

/* The kernel's number of a device's group. Returns 0 or -errno. */
_nodiscard_ int vfio_read_group(const HostPaths *host, Bdf bdf, int32_t *ret_group);

/* The fd of that name, or -1. Borrowed. */
int vfio_fds_find(const VfioFds *fds, const char *name);

/*
 * Waits, at most `seconds`, until no process has the groups (kernel numbers) open: an exiting
 * process closes its fds one after another, and the kernel sends no event for the last one. Blocks.
 * Unbinding makes the kernel request the rest.
 */
void vfio_await_closed(const HostPaths *host, const int32_t *groups, size_t n_groups,
                       unsigned seconds);

/* Whether iommufd's module is to be loaded for that mode. */
bool vfio_lacks_iommufd(const HostPaths *host, LeaseMode mode);

/* Makes sure that the drivers for `mode` are there, loading modules. Same returns. */
_nodiscard_ int vfio_load(const HostPaths *host, LeaseMode mode, char **ret_message);
