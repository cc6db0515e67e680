/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * VFIO's claims (kernel-facts 4.2), access rights of nodes, and configuration space. The program
 * links these functions in place of the daemon's.
 *
 * A claim is a lock on the group's node. It ends when the last copy of the open file is closed, as
 * a claim in the kernel does.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/model/strength.h"
#include "core/probe/cleanup.h"
#include "daemon/host/acl.h"
#include "daemon/host/config.h"
#include "daemon/host/driver.h"
#include "daemon/host/vfio.h"
#include "tests/daemon/fakehost.h"
#include "tests/daemon/faults.h"
#include "tests/unit/tree.h"

int __wrap_config_write16(const HostPaths *host, Bdf bdf, unsigned offset, uint16_t value);
int __real_config_write16(const HostPaths *host, Bdf bdf, unsigned offset, uint16_t value);
int __wrap_vfio_claim_groups(const HostPaths *host, const int32_t *groups, size_t n_groups,
                             VfioFds *ret_fds, char **ret_message);
int __wrap_vfio_claim_devices(const HostPaths *host, bool bind, const Bdf *devices,
                              size_t n_devices, VfioFds *ret_fds, char **ret_message);
int __wrap_vfio_open_groups(const HostPaths *host, const int32_t *groups, size_t n_groups,
                            VfioFds *ret_fds, char **ret_message);
bool __wrap_vfio_is_claimed(const HostPaths *host, const VfioFds *fds, int32_t group);
int __wrap_acl_grant(const char *path, uid_t uid);
int __real_acl_grant(const char *path, uid_t uid);
int __wrap_acl_revoke(const char *path, uid_t uid);
int __real_acl_revoke(const char *path, uid_t uid);
void __wrap_driver_await_udev(void);
void __wrap_vfio_await_closed(const HostPaths *host, const int32_t *groups, size_t n_groups,
                              unsigned seconds);

static int open_group(int group)
{
        char path[FAKEHOST_PATH_SIZE];

        int fd = open(fakehost_path(path, "dev/vfio/%d", group), O_RDWR | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

bool fakehost_is_claimed(int group)
{
        _cleanup_(closep) int fd = open_group(group);

        return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;
}

static bool driver_is_hosts(const char *driver)
{
        return !driver_is_harmless(driver);
}

static int add_fd(VfioFds *fds, int fd, const char *name)
{
        VfioFd *item = &fds->items[fds->n_items++];

        (void)snprintf(item->name, sizeof(item->name), "%s", name);
        item->fd = fd;
        return fd;
}

/* Opens a group, and locks its node if `locked`. */
static int add_group(int group, bool locked, VfioFds *fds, char **ret_message)
{
        char name[sizeof(fds->items[0].name)];

        (void)snprintf(name, sizeof(name), "group:%d", group);
        int fd = add_fd(fds, open_group(group), name);
        if (fd < 0 || fakehost_is_claimed(group) || (locked && flock(fd, LOCK_EX | LOCK_NB) < 0))
                return host_refuse(REFUSAL_BUSY, ret_message, "group %d is claimed", group);
        if (!fakehost_has_member(group, driver_is_vfio) || fakehost_has_member(group, driver_is_hosts))
                return host_refuse(REFUSAL_NOT_VIABLE, ret_message, "group %d is not viable",
                                   group);
        return 0;
}

/* Opens all groups; a descriptor named `first`, if not NULL, comes before them. */
static int add_groups(const char *first, bool locked, const int32_t *groups, size_t n_groups,
                      VfioFds *ret_fds, char **ret_message)
{
        _cleanup_(vfio_fds_close) VfioFds fds = {.n_items = 0};
        unsigned number;

        int r = faults_before(FAULT_POINT_WRITE, &number);
        if (r != 0)
                return host_refuse(REFUSAL_KERNEL_REFUSED, ret_message, "a claim that fails");
        if (first)
                (void)add_fd(&fds, open("/dev/null", O_RDWR | O_CLOEXEC), first);
        for (size_t i = 0; r == 0 && i < n_groups; i++)
                r = add_group(groups[i], locked, &fds, ret_message);
        faults_after(number);
        if (r != 0)
                return r;
        *ret_fds = fds;
        fds.n_items = 0;
        return 0;
}

int __wrap_vfio_claim_groups(const HostPaths *host, const int32_t *groups, size_t n_groups,
                             VfioFds *ret_fds, char **ret_message)
{
        return add_groups("container", true, groups, n_groups, ret_fds, ret_message);
}

int __wrap_vfio_open_groups(const HostPaths *host, const int32_t *groups, size_t n_groups,
                            VfioFds *ret_fds, char **ret_message)
{
        return add_groups(NULL, false, groups, n_groups, ret_fds, ret_message);
}

/* Any process's lock counts: the owner locks the node through its own open file. */
bool __wrap_vfio_is_claimed(const HostPaths *host, const VfioFds *fds, int32_t group)
{
        return fakehost_is_claimed(group);
}

static int write_acl(const char *path, uid_t uid, int (*write)(const char *, uid_t))
{
        unsigned number;

        int r = faults_before(FAULT_POINT_WRITE, &number);
        if (r != 0)
                return r < 0 ? r : -EIO; /* the value read back differs */
        r = write(path, uid);
        faults_after(number);
        return r;
}

int __wrap_acl_grant(const char *path, uid_t uid)
{
        return write_acl(path, uid, __real_acl_grant);
}

int __wrap_acl_revoke(const char *path, uid_t uid)
{
        return write_acl(path, uid, __real_acl_revoke);
}

void __wrap_driver_await_udev(void)
{
}

void fakehost_lack_cdevs(void)
{
        tree_file("fake/no-cdevs", "");
}

/* With iommufd, a bound device owns its group. This model claims the group in either case. */
int __wrap_vfio_claim_devices(const HostPaths *host, bool bind, const Bdf *devices,
                              size_t n_devices, VfioFds *ret_fds, char **ret_message)
{
        int32_t groups[VFIO_FDS_MAX];
        char text[BDF_TEXT_SIZE];
        size_t n = 0;

        if (fakehost_has("fake/no-cdevs"))
                return host_refuse(REFUSAL_UNSUPPORTED, ret_message, "there are only groups here");
        for (size_t i = 0; i < n_devices; i++) {
                int32_t group = fakehost_find(bdf_format(devices[i], text))->group;
                size_t k = 0;

                while (k < n && groups[k] != group)
                        k++;
                groups[k] = group;
                n += k == n;
        }
        return add_groups("iommufd", bind, groups, n, ret_fds, ret_message);
}

void __wrap_vfio_await_closed(const HostPaths *host, const int32_t *groups, size_t n_groups,
                              unsigned seconds)
{
        for (size_t i = 0; i < n_groups; i++) {
                _cleanup_(closep) int fd = open_group(groups[i]);

                (void)flock(fd, LOCK_EX);
        }
}

/* --- configuration space ----------------------------------------------------------------------- */

int __wrap_config_write16(const HostPaths *host, Bdf bdf, unsigned offset, uint16_t value)
{
        unsigned number;

        int r = faults_before(FAULT_POINT_WRITE, &number);
        if (r != 0)
                return r < 0 ? r : 0;
        r = __real_config_write16(host, bdf, offset, value);
        faults_after(number);
        return r;
}

static int open_config(const FakeDevice *device)
{
        char path[FAKEHOST_PATH_SIZE];

        return open(fakehost_path(path, "bus/pci/devices/%s/config", device->address),
                    O_RDWR | O_CLOEXEC);
}

/* PCIe Base Specification 7.5.1.1.3, bit 2. Drivers set it; some do not clear it. */
bool fakehost_is_master(const FakeDevice *device)
{
        _cleanup_(closep) int fd = open_config(device);
        uint8_t command = 0;

        return pread(fd, &command, 1, 4) == 1 && (command & 4);
}

void fakehost_set_master(const FakeDevice *device)
{
        const uint8_t command = 4;
        _cleanup_(closep) int fd = open_config(device);

        if (pwrite(fd, &command, 1, 4) != 1)
                abort();
}
