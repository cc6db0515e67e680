/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One pass over bus/pci/devices.
 *
 * Opens the directory of each function and reads its attributes relative to it, so that a function
 * that goes away and comes back is not mixed up with another. Looks up the PFs of VFs afterwards,
 * if any function can have VFs.
 */

#include "core/probe/sysfs.h"

#include "core/probe/cleanup.h"
#include "core/probe/snapshot_extras.h"
#include "core/probe/sysfs_config.h"
#include "core/probe/sysfs_file.h"
#include "core/probe/sysfs_identity.h"
#include "core/probe/sysfs_groups.h"
#include "core/probe/sysfs_ivrs.h"
#include "core/probe/sysfs_live.h"
#include "core/probe/sysfs_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DEVICES_PATH "bus/pci/devices"
#define NUMA_NODES_MAX 1024
#define VFS_MAX 65535 /* PCIe Base Specification 9.3.3.5: TotalVFs has 16 bits */

static void read_driver(int directory, PciDevice *device)
{
        /* A name that is too long must not become "", which means no driver. */
        if (sysfs_read_link_name(directory, "driver", device->sysfs.driver,
                                 sizeof(device->sysfs.driver)) == -ENAMETOOLONG)
                (void)snprintf(device->sysfs.driver, sizeof(device->sysfs.driver),
                               "(name too long)");
}

/*
 * `known` is the earlier reading of the same device, or NULL: its IOMMU changes only with its
 * group.
 */
static void read_kernel_view(int directory, const PciDevice *known, PciDevice *device)
{
        char name[SNAPSHOT_NAME_SIZE], *end;
        unsigned long group;

        device->kernel_group = -1;
        /* A device without a group has no link to an IOMMU either. */
        if (sysfs_read_link_name(directory, "iommu_group", name, sizeof(name)) < 0)
                return;
        if (name[0] >= '0' && name[0] <= '9') {
                group = strtoul(name, &end, 10);
                if (*end == '\0' && group <= INT32_MAX)
                        device->kernel_group = (int32_t)group;
        }
        if (known && known->sysfs.iommu[0] && known->kernel_group == device->kernel_group)
                memcpy(device->sysfs.iommu, known->sysfs.iommu, sizeof(device->sysfs.iommu));
        else
                (void)!sysfs_read_link_name(directory, "iommu", device->sysfs.iommu,
                                            sizeof(device->sysfs.iommu));
        device->sysfs.iommu_kind = iommu_kind_from_name(device->sysfs.iommu);
}

/* Kernels before 5.15 have no `reset_method`: there, a file `reset` shows that a method exists. */
static Tristate read_resettable(int directory)
{
        char text[64];
        int r = sysfs_read_line(directory, "reset_method", text, sizeof(text));

        if (r == 0)
                return tristate_from_bool(text[0] != '\0');
        if (r == -ENOENT && faccessat(directory, "reset", F_OK, 0) == 0)
                return TRISTATE_YES;
        return TRISTATE_UNKNOWN;
}

static void read_attachment(int directory, PciDevice *device)
{
        char text[16];
        uint32_t node;

        if (sysfs_read_line(directory, "removable", text, sizeof(text)) == 0) {
                if (strcmp(text, "removable") == 0)
                        device->sysfs.removable = TRISTATE_YES;
                else if (strcmp(text, "fixed") == 0)
                        device->sysfs.removable = TRISTATE_NO;
        }
        /* -1, which means no node, reads as the largest number. */
        device->sysfs.has_numa_node =
                sysfs_read_number(directory, "numa_node", 10, &node) == 0 && node < NUMA_NODES_MAX;
        device->sysfs.numa_node = device->sysfs.has_numa_node ? (uint16_t)node : 0;
}

static void read_traits(int directory, PciDevice *device)
{
        read_attachment(directory, device);
        device->sysfs.resettable = read_resettable(directory);
}

/* Is VF number `n` of the PF the function at `bdf`? Returns 0 if it is, 1 if not, or -errno. */
static int check_vf(int directory, unsigned n, Bdf bdf)
{
        char link[sizeof("physfn/virtfn") + 10], name[BDF_TEXT_SIZE];
        Bdf found;
        int r;

        (void)snprintf(link, sizeof(link), "physfn/virtfn%u", n);
        r = sysfs_read_link_name(directory, link, name, sizeof(name));
        if (r < 0)
                return r;
        return bdf_parse(name, &found) && bdf_equal(found, bdf) ? 0 : 1;
}

/* PCIe 9.2.1.2: a VF's routing id is its PF's, plus offset, plus stride for each VF before it. */
static bool guess_vf(int directory, const PciDevice *device, unsigned *ret_n)
{
        uint32_t offset, stride, id, first;

        if (sysfs_read_number(directory, "physfn/sriov_offset", 10, &offset) < 0 ||
            sysfs_read_number(directory, "physfn/sriov_stride", 10, &stride) < 0)
                return false;
        id = (uint32_t)device->bdf.bus << 8 | device->bdf.devfn;
        first = ((uint32_t)device->place.physfn_bdf.bus << 8 | device->place.physfn_bdf.devfn) +
                offset;
        if (offset > VFS_MAX || id < first || (id > first && stride == 0))
                return false;
        *ret_n = id > first ? (id - first) / stride : 0;
        return check_vf(directory, *ret_n, device->bdf) == 0;
}

static void read_vf(int directory, PciDevice *device)
{
        char name[BDF_TEXT_SIZE];
        unsigned n;

        if (sysfs_read_link_name(directory, "physfn", name, sizeof(name)) < 0 ||
            !bdf_parse(name, &device->place.physfn_bdf))
                return;

        device->place.is_vf = true;
        device->place.vf_index = VF_INDEX_NONE;
        if (guess_vf(directory, device, &n)) {
                device->place.vf_index = n;
                return;
        }
        for (n = 0; n < VFS_MAX; n++) {
                int r = check_vf(directory, n, device->bdf);

                if (r == 0)
                        device->place.vf_index = n;
                if (r <= 0)
                        return;
        }
}

static bool any_has_vfs(const Snapshot *snapshot)
{
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (snapshot->devices[i].facts.caps.sriov != TRISTATE_NO)
                        return true;
        return false;
}

/* A lack of resources: the device may still exist. */
static bool is_short_of(int error)
{
        return error == EMFILE || error == ENFILE || error == ENOMEM;
}

/* Finds the PF of each VF, if any function can have VFs. */
static int read_vfs(int devices, Snapshot *snapshot)
{
        if (!any_has_vfs(snapshot))
                return 0;
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                _cleanup_(closep) int directory = -1;
                char name[BDF_TEXT_SIZE];

                bdf_format(snapshot->devices[i].bdf, name);
                directory = openat(devices, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (directory >= 0)
                        read_vf(directory, &snapshot->devices[i]);
                else if (is_short_of(errno))
                        return -errno;
        }
        return 0;
}

/* One reading of a tree. */
typedef struct Reading {
        int devices; /* bus/pci/devices */
        bool is_copy;
        bool once; /* there will be no check for removed devices */
        bool without_drivers;
        bool without_facts;
        const Snapshot *before; /* or NULL */
        Snapshot *snapshot;
} Reading;

/* The earlier reading of the device, if it is still the same device. */
static const PciDevice *find_known(const Reading *reading, const PciDevice *device)
{
        size_t index =
                reading->before ? snapshot_find(reading->before, device->bdf) : SNAPSHOT_NONE;

        if (index == SNAPSHOT_NONE || device->sysfs.inode == 0 ||
            reading->before->devices[index].sysfs.inode != device->sysfs.inode)
                return NULL;
        return &reading->before->devices[index];
}

/* Reads the place and the identity of a device, which do not change. */
static void copy_fixed(const PciDevice *known, PciDevice *device)
{
        device->ids = known->ids;
        device->place.has_parent = known->place.has_parent;
        device->place.parent_bdf = known->place.parent_bdf;
        device->place.has_real_dma = known->place.has_real_dma;
        device->place.real_dma_bdf = known->place.real_dma_bdf;
        device->place.root_domain = known->place.root_domain;
        device->place.root_bus = known->place.root_bus;
}

/* The same from sysfs. Returns 0 or -errno (the device has gone). */
static int read_fixed(const Reading *reading, int directory, const char *name, PciDevice *device)
{
        char path[PATH_MAX];

        /* A tree copied without links has no paths: the bridges above are unknown. */
        if (sysfs_read_link(reading->devices, name, path, sizeof(path)) < 0)
                path[0] = '\0';
        sysfs_place_parse(device, path);
        return sysfs_read_identity(directory, device);
}

/* Were all of its facts read? */
static bool has_facts(const PciDevice *known)
{
        return known->facts.header_known == TRISTATE_YES && known->facts.pcie != TRISTATE_UNKNOWN;
}

/* Returns 0 (also if the device has gone, which leaves it out), or -errno. */
static int read_device(const Reading *reading, const char *name)
{
        _cleanup_(closep) int directory = -1;
        const PciDevice *known;
        PciDevice device = {0};
        struct stat status;

        if (!bdf_parse(name, &device.bdf))
                return 0;
        directory = openat(reading->devices, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0)
                return is_short_of(errno) ? -errno : 0;

        if (!reading->once && fstat(directory, &status) == 0)
                device.sysfs.inode = status.st_ino;
        known = find_known(reading, &device);
        if (known)
                copy_fixed(known, &device);
        else if (read_fixed(reading, directory, name, &device) < 0)
                return 0;
        if (!reading->without_drivers)
                read_driver(directory, &device);
        read_kernel_view(directory, known, &device);
        if (known && has_facts(known))
                device.facts = known->facts;
        else if (!reading->without_facts)
                sysfs_read_facts(directory, reading->is_copy, &device);
        return snapshot_add(reading->snapshot, &device);
}

static int read_devices(int root, Reading *reading)
{
        _cleanup_(closedirp) DIR *devices = NULL;
        _cleanup_(closep) int fd = -1;

        fd = openat(root, DEVICES_PATH, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT || errno == ENOTDIR ? SYSFS_E_NO_PCI : -errno;
        devices = fdopendir(fd);
        if (!devices)
                return -errno;
        (void)TAKE_FD(fd);
        reading->devices = dirfd(devices);
        reading->is_copy = sysfs_is_copy(reading->devices);

        for (;;) {
                struct dirent *entry;
                int r;

                errno = 0;
                entry = readdir(devices);
                if (!entry)
                        return errno != 0 ? -errno : read_vfs(reading->devices, reading->snapshot);
                r = read_device(reading, entry->d_name);
                if (r < 0)
                        return r;
        }
}

static bool is_live(const char *root)
{
        return strcmp(root, "/sys") == 0;
}

/* Runs `read` in the directory of each device that still exists. */
static int read_on(int root, Snapshot *snapshot, void (*read)(int directory, PciDevice *device))
{
        _cleanup_(closep) int devices =
                openat(root, DEVICES_PATH, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (devices < 0)
                return -errno;
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                _cleanup_(closep) int directory = -1;
                char name[BDF_TEXT_SIZE];

                directory = openat(devices, bdf_format(snapshot->devices[i].bdf, name),
                                   O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (directory >= 0)
                        read(directory, &snapshot->devices[i]);
        }
        return 0;
}

int sysfs_read_attachment(const char *root, Snapshot *snapshot)
{
        _cleanup_(closep) int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? -errno : read_on(fd, snapshot, read_attachment);
}

int sysfs_read_traits(const char *root, Snapshot *snapshot)
{
        _cleanup_(closep) int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r = fd < 0 ? -errno : read_on(fd, snapshot, read_traits);

        if (r < 0)
                return r;
        sysfs_groups_read_regions(fd, snapshot);
        if (is_live(root))
                sysfs_live_read_remapping(snapshot);
        return 0;
}

static int read_snapshot(const char *root, Reading *reading, Snapshot **ret_snapshot)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(closep) int fd = -1;
        int r;

        fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = snapshot_new(&snapshot);
        if (r < 0)
                return r;
        reading->snapshot = snapshot;
        snapshot->without_drivers = reading->without_drivers;
        r = read_devices(fd, reading);
        if (r != 0)
                return r;

        r = sysfs_ivrs_read(fd, snapshot);
        if (r == 0)
                r = sysfs_groups_read(fd, snapshot);
        if (r == 0 && is_live(root))
                r = sysfs_live_read(snapshot); /* a copy has no facts about its running machine */
        if (r < 0)
                return r;
        r = snapshot_finish(snapshot);
        if (r == 0)
                r = snapshot_complete_domains(snapshot);
        if (r < 0)
                return r;
        snapshot_share_unknown_parents(snapshot);
        *ret_snapshot = TAKE_PTR(snapshot);
        return 0;
}

int sysfs_read_snapshot(const char *root, Snapshot **ret_snapshot)
{
        return read_snapshot(root, &(Reading){.once = true}, ret_snapshot);
}

int sysfs_read_places(const char *root, Snapshot **ret_snapshot)
{
        return read_snapshot(root, &(Reading){.once = true, .without_drivers = true}, ret_snapshot);
}

int sysfs_read_links(const char *root, Snapshot **ret_snapshot)
{
        return read_snapshot(root, &(Reading){.once = true, .without_facts = true}, ret_snapshot);
}

int sysfs_read_snapshot_again(const char *root, const Snapshot *before, Snapshot **ret_snapshot)
{
        return read_snapshot(root, &(Reading){.before = before}, ret_snapshot);
}
