/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Claiming a group: from devices bound to vfio-pci to file descriptors that own their DMA.
 *
 * The kernel's DMA ownership lives in open file descriptions (kernel-facts 4.3): once a claim here
 * has succeeded, no host driver can bind any member, present or future, while any copy of these fds
 * is open. Two ways: group + container (every kernel from 5.19 on) and iommufd + a bound cdev per
 * device (6.6 on, where the kernel was built so).
 */

#include "core/model/policy.h"
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

/* Closes all and empties the set. */
void vfio_fds_close(VfioFds *fds);

/*
 * Opens a container, attaches every group in `groups` (kernel numbers) to it and chooses the type1v2
 * IOMMU. Returns 0 and adds "container" and "group:N" fds, a Refusal with *ret_message, or -errno; on
 * failure nothing stays open.
 */
_nodiscard_ int vfio_claim_groups(const HostPaths *host, const int32_t *groups, size_t n_groups,
                                  VfioFds *ret_fds, char **ret_message);

/*
 * Opens an iommufd and binds the cdev of every device to it. Returns 0 and adds "iommufd" and
 * "device:BDF" fds, a Refusal with *ret_message, or -errno; on failure nothing stays open.
 */
_nodiscard_ int vfio_claim_devices(const HostPaths *host, const Bdf *devices, size_t n_devices,
                                   VfioFds *ret_fds, char **ret_message);

/*
 * Adds one device to a claim made by either of the above, whose fds are in `fds`: its group
 * (kernel number) to the container, or the device to the iommufd. A group that is in it already
 * needs nothing; one that the kernel ended with its last device gets a new "group:N". Returns as
 * above, with what is new in *ret_fds.
 */
_nodiscard_ int vfio_claim_again(const HostPaths *host, LeaseMode mode, const VfioFds *fds, Bdf bdf,
                                 int32_t group, VfioFds *ret_fds, char **ret_message);

/* The kernel's number of a device's group. Returns 0 or -errno. */
_nodiscard_ int vfio_read_group(const HostPaths *host, Bdf bdf, int32_t *ret_group);

/* The fd of that name, or -1. Borrowed. */
int vfio_fds_find(const VfioFds *fds, const char *name);

/*
 * Waits, at most `seconds`, until nobody has the groups (kernel numbers) open any more: a process
 * that exits closes its fds one after another, and the kernel tells nobody of the last. Blocks;
 * whoever still has them after that is for the unbinding to ask.
 */
void vfio_await_closed(const HostPaths *host, const int32_t *groups, size_t n_groups,
                       unsigned seconds);

/* Makes sure that the drivers for `mode` are there, loading modules. Same returns. */
_nodiscard_ int vfio_load(const HostPaths *host, LeaseMode mode, char **ret_message);
