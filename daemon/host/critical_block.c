/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * From a device to what is built on its disks: partitions, their holders, mounts and swap.
 *
 * A disk belongs to a PCI device if its /sys/class/block link runs through the device's directory.
 * From there partitions and `holders` lead up, through dm, md and bcache. Mounts are compared by
 * device number and by source node (file systems over several disks have a number of their own).
 * Loop devices need no check: the file of a loop device is on a mounted file system.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "daemon/host/critical_walk.h"
#include "daemon/host/exclusive.h"

/* Device number of a block device from its sysfs `dev` file. */
static int block_number(const HostPaths *host, const char *name, dev_t *ret_number)
{
        _cleanup_(freep) char *text = NULL;
        unsigned major_number, minor_number;

        int r = host_read_at(&text, "%s/class/block/%s/dev", host->sysfs, name);
        if (r < 0)
                return r;
        if (sscanf(text, "%u:%u", &major_number, &minor_number) != 2)
                return -EINVAL;
        *ret_number = makedev(major_number, minor_number);
        return 0;
}

static bool node_is(const HostPaths *host, const char *node, dev_t number)
{
        struct stat st;
        char path[PATH_MAX];

        if (strncmp(node, "/dev/", 5) != 0)
                return false;
        (void)snprintf(path, sizeof(path), "%s/%s", host->dev, node + 5);
        return stat(path, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == number;
}

/* One line of mountinfo (proc(5)): "ID PARENT MAJ:MIN ROOT MOUNTPOINT OPTIONS … - TYPE SOURCE …".
 */
static bool mount_uses(const HostPaths *host, const char *line, dev_t number,
                       char point[static PATH_MAX])
{
        unsigned major_number, minor_number;
        char source[PATH_MAX];

        if (sscanf(line, "%*d %*d %u:%u %*s %4095s", &major_number, &minor_number, point) != 3)
                return false;
        const char *dash = strstr(line, " - ");
        if (!dash || sscanf(dash, " - %*s %4095s", source) != 1)
                source[0] = '\0';
        return makedev(major_number, minor_number) == number || node_is(host, source, number);
}

static int tell_use(CriticalWalk *walk, const char *use)
{
        return critical_tell(walk, CRITICAL_BLOCK, use, "%s is what %s lives on", walk->chain[0],
                             use);
}

static int tell_mounts(CriticalWalk *walk, dev_t number)
{
        _cleanup_(freep) char *line = NULL;
        char point[PATH_MAX];
        size_t n_line = 0;
        int r = 0;

        /* Mounts of process 1: the unit's sandbox hides some from the daemon. */
        _cleanup_(fclosep) FILE *mounts = host_open_text("%s/1/mountinfo", walk->host->proc);
        if (!mounts)
                return -errno;
        while (r == 0 && getline(&line, &n_line, mounts) > 0)
                if (mount_uses(walk->host, line, number, point))
                        r = tell_use(walk, point);
        return r;
}

static int tell_swap(CriticalWalk *walk, dev_t number)
{
        _cleanup_(freep) char *line = NULL;
        char node[PATH_MAX];
        size_t n_line = 0;

        _cleanup_(fclosep) FILE *swaps = host_open_text("%s/swaps", walk->host->proc);
        if (!swaps)
                return errno == ENOENT ? 0 : -errno; /* a kernel without swap */
        while (getline(&line, &n_line, swaps) > 0)
                if (sscanf(line, "%4095s", node) == 1 && node_is(walk->host, node, number))
                        return tell_use(walk, "swap");
        return 0;
}

/* Tells of an exclusive use that /sys and /proc do not show. A missing node is not in use. */
static int tell_exclusive(CriticalWalk *walk, const char *name, dev_t number)
{
        int r = exclusive_look(walk->host, name, number);
        if (r == 0)
                return 0;
        if (r < 0)
                return critical_tell(walk, CRITICAL_UNKNOWN, NULL,
                                     "%s: cannot tell whether the host uses %s: %s", walk->chain[0],
                                     name, strerror(-r));
        return critical_tell(walk, CRITICAL_BLOCK, NULL,
                             "%s: something in the kernel has %s for itself", walk->chain[0], name);
}

static int walk_one(CriticalWalk *walk, const char *name);

static int walk_partitions(CriticalWalk *walk, const char *name)
{
        _cleanup_(name_list_clear) NameList list = {.n = 0};

        int r = name_list_read(&list, "%s/class/block/%s", walk->host->sysfs, name);
        for (int i = 0; r == 0 && i < list.n; i++) {
                const char *part = list.entries[i]->d_name;

                if (host_has("%s/class/block/%s/%s/partition", walk->host->sysfs, name, part))
                        r = walk_one(walk, part);
        }
        return r;
}

/* Follows the holders of `name`. Each holder is a use, even if nothing uses the holder. */
static int walk_holders(CriticalWalk *walk, const char *name)
{
        _cleanup_(name_list_clear) NameList list = {.n = 0};

        int r = name_list_read(&list, "%s/class/block/%s/holders", walk->host->sysfs, name);
        for (int i = 0; r == 0 && i < list.n; i++) {
                size_t n_told = walk->n_told;

                r = walk_one(walk, list.entries[i]->d_name);
                if (r == 0 && walk->n_told == n_told)
                        r = tell_use(walk, list.entries[i]->d_name);
        }
        return r;
}

static int walk_one(CriticalWalk *walk, const char *name)
{
        size_t n_told = walk->n_told;
        dev_t number;

        int r = block_number(walk->host, name, &number);
        if (r < 0)
                return r == -ENOENT ? 0 : r; /* the disk has gone meanwhile */
        r = critical_push(walk, name);
        if (r < 0)
                return r;
        r = tell_mounts(walk, number);
        if (r == 0)
                r = tell_swap(walk, number);
        if (r == 0)
                r = walk_partitions(walk, name);
        if (r == 0)
                r = walk_holders(walk, name);
        if (r == 0 && walk->n_told == n_told)
                r = tell_exclusive(walk, name, number);
        critical_pop(walk);
        return r;
}

/* Whether the device has a controller of the subsystem, whose directory links to each one. */
static bool subsystem_is_ours(const CriticalWalk *walk, const char *path)
{
        char needle[BDF_TEXT_SIZE + 2], controller[PATH_MAX];
        _cleanup_(name_list_clear) NameList list = {.n = 0};

        (void)snprintf(needle, sizeof(needle), "/%s/", walk->chain[0]);
        if (name_list_read(&list, "%s", path) < 0)
                return true; /* unknown: it may be a controller of the device */
        for (int i = 0; i < list.n; i++)
                if (host_read_target_at(controller, "%s/%s", path, list.entries[i]->d_name) == 0 &&
                    strstr(controller, needle))
                        return true;
        return false;
}

int critical_visit_subsystems(CriticalWalk *walk, CriticalVisit visit, void *userdata)
{
        _cleanup_(name_list_clear) NameList list = {.n = 0};
        char path[PATH_MAX];

        int r = name_list_read(&list, "%s/class/nvme-subsystem", walk->host->sysfs);
        for (int i = 0; r == 0 && i < list.n; i++) {
                (void)snprintf(path, sizeof(path), "%s/class/nvme-subsystem/%s", walk->host->sysfs,
                               list.entries[i]->d_name);
                if (subsystem_is_ours(walk, path))
                        r = visit(walk, path, userdata);
        }
        return r;
}

/*
 * A multipath NVMe disk is below a virtual subsystem, which links to its controllers. The class
 * link of the disk names the subsystem.
 */
static bool is_multipath_of(const CriticalWalk *walk, const char *name)
{
        static const char marker[] = "/nvme-subsystem/";
        char path[PATH_MAX], target[PATH_MAX];

        if (host_read_target_at(target, "%s/class/block/%s", walk->host->sysfs, name) < 0)
                return false;
        const char *subsystem = strstr(target, marker);
        if (!subsystem)
                return false;
        subsystem += sizeof(marker) - 1;
        (void)snprintf(path, sizeof(path), "%s/class/nvme-subsystem/%.*s", walk->host->sysfs,
                       (int)strcspn(subsystem, "/"), subsystem);
        return subsystem_is_ours(walk, path);
}

int critical_walk_block(CriticalWalk *walk)
{
        _cleanup_(name_list_clear) NameList list = {.n = 0};

        int r = name_list_read(&list, "%s/class/block", walk->host->sysfs);
        for (int i = 0; r == 0 && i < list.n; i++) {
                const char *name = list.entries[i]->d_name;

                /* Partitions are reached from their disk. */
                if (!host_has("%s/class/block/%s/partition", walk->host->sysfs, name) &&
                    (critical_is_below(walk, "block", name) || is_multipath_of(walk, name)))
                        r = walk_one(walk, name);
        }
        return r;
}
