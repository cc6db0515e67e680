/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the running system calls devices: the names of interfaces, disks, screens and RDMA devices
 * in the classes of sysfs, and the places where file systems on a disk are mounted.
 *
 * The names of a daemon's devices are read from this machine's /sys, from directories with the same
 * ids.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "core/model/bdf.h"
#include "core/probe/cleanup.h"
#include "libclient/host.h"

#define SYSFS "/sys"
#define USES_MAX 32 /* of one device */
#define DEPTH_MAX 8 /* of disks made of disks */

/* The classes whose devices people know by name. */
static const char *const classes[] = {"net", "block", "nvme", "drm", "infiniband"};

static void close_fdp(int *fd)
{
        if (*fd >= 0)
                (void)close(*fd);
}

/* The last device address among the components of a link's target. */
static const iso_device *find_in_link(const iso_host *host, int root, const char *path)
{
        char target[PATH_MAX], address[BDF_TEXT_SIZE];
        ssize_t n;

        n = readlinkat(root, path, target, sizeof(target) - 1);
        if (n <= 0)
                return NULL;
        target[n] = '\0';

        for (char *slash; (slash = strrchr(target, '/')); *slash = '\0') {
                const iso_device *device;
                Bdf bdf;

                if (!bdf_parse(slash + 1, &bdf))
                        continue;
                device = view_find_device(host->view, bdf_format(bdf, address));
                if (device)
                        return device;
        }
        return NULL;
}

const iso_device *tree_find_named(const iso_host *host, const char *name)
{
        static const char *const links[] = {"", "/device"};
        _cleanup_(close_fdp) int root = -1;
        char path[NAME_MAX + 64];

        if (!host->root || strlen(name) > NAME_MAX || name[0] == '.')
                return NULL;
        root = open(host->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return NULL;

        for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
                for (size_t k = 0; k < ARRAY_SIZE(links); k++) {
                        const iso_device *device;

                        (void)snprintf(path, sizeof(path), "class/%s/%s%s", classes[i], name,
                                       links[k]);
                        device = find_in_link(host, root, path);
                        if (device)
                                return device;
                }
        return NULL;
}

/* --- uses ------------------------------------------------------------------------------------- */

/* The names found so far, in the order of the devices of the view. */
typedef struct Uses {
        const iso_host *host;
        int root;
        const char ***lists; /* for each device USES_MAX + 1 names, or NULL: none */
        bool failed;        /* memory is short */
} Uses;

static bool has_number(const Uses *uses, const char *address, const char *file, unsigned expected)
{
        char path[PATH_MAX], text[16];
        _cleanup_(close_fdp) int fd = -1;
        ssize_t n;

        (void)snprintf(path, sizeof(path), "bus/pci/devices/%s/%s", address, file);
        fd = openat(uses->root, path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (n <= 0)
                return false;
        text[n] = '\0';
        return strtoul(text, NULL, 16) == expected;
}

static void add(Uses *uses, const iso_device *device, const char *name)
{
        View *view = uses->host->view;
        const char ***at = &uses->lists[device - view->devices], **list = *at;
        size_t n = 0;

        for (; list && n < USES_MAX && list[n]; n++)
                if (strcmp(list[n], name) == 0)
                        return;
        if (n == USES_MAX)
                return;
        /* The daemon may be of another machine, in a test for instance. */
        if (uses->host->bus && (!has_number(uses, device->address, "vendor", device->vendor) ||
                                !has_number(uses, device->address, "device", device->device)))
                return;
        if (!list)
                *at = list = arena_alloc(&view->arena, USES_MAX + 1, sizeof(*list));
        if (list)
                list[n] = arena_strdup_printable(&view->arena, name);
        uses->failed |= !list || !list[n];
}

/* A disk's partitions, a screen's outputs and a controller's character device are not names. */
static bool is_use(const Uses *uses, const char *class_name, const char *name)
{
        char path[NAME_MAX + 64];

        if (name[0] == '.' || strcmp(class_name, "nvme") == 0)
                return false;
        if (strcmp(class_name, "drm") == 0)
                return strncmp(name, "card", 4) == 0 && !strchr(name, '-');
        (void)snprintf(path, sizeof(path), "class/%s/%s/partition", class_name, name);
        return faccessat(uses->root, path, F_OK, 0) < 0;
}

static DIR *open_below(int root, const char *path)
{
        int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *directory = fd < 0 ? NULL : fdopendir(fd);

        if (!directory && fd >= 0)
                (void)close(fd);
        return directory;
}

static void add_class(Uses *uses, const char *class_name)
{
        char path[NAME_MAX + 64];

        (void)snprintf(path, sizeof(path), "class/%s", class_name);
        _cleanup_(closedirp) DIR *directory = open_below(uses->root, path);
        for (struct dirent *entry; directory && (entry = readdir(directory));) {
                const iso_device *device;

                if (!is_use(uses, class_name, entry->d_name))
                        continue;
                (void)snprintf(path, sizeof(path), "class/%s/%s", class_name, entry->d_name);
                device = find_in_link(uses->host, uses->root, path);
                if (device)
                        add(uses, device, entry->d_name);
        }
}

/* Adds a mount to the devices below a disk, which may be made of other disks (RAID, LVM, LUKS). */
static void add_mount(Uses *uses, const char *link, const char *where, unsigned depth)
{
        const iso_device *device = find_in_link(uses->host, uses->root, link);
        char path[PATH_MAX];

        if (device)
                return add(uses, device, where);
        if (depth == DEPTH_MAX ||
            (size_t)snprintf(path, sizeof(path), "%s/slaves", link) >= sizeof(path))
                return;
        _cleanup_(closedirp) DIR *directory = open_below(uses->root, path);
        for (struct dirent *entry; directory && (entry = readdir(directory));) {
                if (entry->d_name[0] == '.')
                        continue;
                (void)snprintf(path, sizeof(path), "class/block/%s", entry->d_name);
                add_mount(uses, path, where, depth + 1);
        }
}

static void add_mounts(Uses *uses)
{
        FILE *mounts = setmntent("/proc/self/mounts", "re");
        char link[64];
        struct stat status;

        for (struct mntent *mount; mounts && (mount = getmntent(mounts));) {
                if (strncmp(mount->mnt_fsname, "/dev/", 5) != 0 ||
                    stat(mount->mnt_fsname, &status) < 0 || !S_ISBLK(status.st_mode))
                        continue;
                (void)snprintf(link, sizeof(link), "dev/block/%u:%u", major(status.st_rdev),
                               minor(status.st_rdev));
                add_mount(uses, link, mount->mnt_dir, 0);
        }
        if (mounts)
                (void)endmntent(mounts);
}

static int compare_texts(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Reads the uses of all devices at once: each class of sysfs is read once. */
static int read_uses(iso_host *host)
{
        const char *tree = host->bus ? SYSFS : host->root;
        View *view = host->view;
        _cleanup_(close_fdp) int root = -1;
        Uses uses = {.host = host};

        uses.lists = arena_alloc(&view->arena, view->n_devices + 1, sizeof(*uses.lists));
        if (!uses.lists)
                return -ENOMEM;
        root = tree ? open(tree, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
        uses.root = root;
        for (size_t i = 0; root >= 0 && i < ARRAY_SIZE(classes); i++)
                add_class(&uses, classes[i]);
        if (root >= 0 && strcmp(tree, SYSFS) == 0)
                add_mounts(&uses);
        if (uses.failed)
                return -ENOMEM;
        for (size_t i = 0; i < view->n_devices; i++) {
                const char **list = uses.lists[i];
                size_t n = 0;

                while (list && list[n])
                        n++;
                if (n > 0)
                        qsort(list, n, sizeof(*list), compare_texts);
        }
        view->uses = uses.lists;
        return 0;
}

const char *const *iso_host_device_uses(iso_host *host, const iso_device *device, size_t *ret_n)
{
        static const char *const none[] = {NULL};
        const char *const *list;

        *ret_n = 0;
        if (!host->view->uses && read_uses(host) < 0)
                return none;
        list = host->view->uses[device - host->view->devices];
        if (!list)
                return none;
        while (list[*ret_n])
                ++*ret_n;
        return list;
}

const char *iso_host_device_name(iso_host *host, const iso_device *device)
{
        if (!host->names)
                host->names = names_new();
        return host->names && device->vendor != 0
                       ? names_find(host->names, device->vendor, device->device)
                       : "";
}

const char *iso_host_port_slot(const iso_host *host, const iso_device *port)
{
        const Snapshot *snapshot = host->snapshot;
        Bdf bdf;
        size_t index;

        if (!snapshot || !bdf_parse(port->address, &bdf))
                return "";
        index = snapshot_find(snapshot, bdf);
        if (index == SNAPSHOT_NONE || snapshot->devices[index].facts.header_known != TRISTATE_YES ||
            snapshot->devices[index].facts.header_type != 1)
                return "";
        for (size_t i = 0; i < snapshot->n_slots; i++)
                if (snapshot->slots[i].bdf.domain == bdf.domain &&
                    snapshot->slots[i].bdf.bus == snapshot->devices[index].facts.secondary_bus)
                        return snapshot->slots[i].name;
        return "";
}
