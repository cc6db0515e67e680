/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * From a device to what is built on it: block devices, their holders, mounts and swap; interfaces.
 *
 * A block device belongs to a PCI device if its /sys/class/block link runs through the device's
 * directory. From there `holders` lead up through dm and md. Mounts are compared by device number and
 * by source node (file systems over several disks have a device number of their own).
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "daemon/host/critical.h"
#include "core/probe/cleanup.h"

#define HOLDER_DEPTH_MAX 16
#define HOLDER_VISITS_MAX 4096

#ifndef IFF_UP
#define IFF_UP 0x1UL /* uapi linux/if.h */
#endif

typedef struct Walk {
        const HostPaths *host;
        const char *chain[HOLDER_DEPTH_MAX + 2]; /* device, disk, partition, holder, … */
        size_t n_chain;
        size_t n_visits;
} Walk;

static int walk_refuse(const Walk *walk, const char *use, char **ret_message)
{
        char chain[1024];
        size_t n = 0;

        chain[0] = '\0';
        for (size_t i = 0; i < walk->n_chain && n < sizeof(chain); i++)
                n += (size_t)snprintf(chain + n, sizeof(chain) - n, "%s → ", walk->chain[i]);
        return host_refuse(REFUSAL_CRITICAL, ret_message, "%s is what %s lives on (%s%s)",
                           walk->chain[0], use, chain, use);
}

/* Device number of a block device from its sysfs `dev` file. */
static int block_number(const HostPaths *host, const char *name, dev_t *ret_number)
{
        char path[PATH_MAX];
        _cleanup_(freep) char *text = NULL;
        unsigned major_number, minor_number;

        (void)snprintf(path, sizeof(path), "%s/class/block/%s/dev", host->sysfs, name);
        int r = host_read_text(path, &text);
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

/* One line of mountinfo (proc(5)): "ID PARENT MAJ:MIN ROOT MOUNTPOINT OPTIONS … - TYPE SOURCE …". */
static bool mount_uses(const HostPaths *host, char *line, dev_t number, char **ret_point)
{
        unsigned major_number, minor_number;
        char point[PATH_MAX], source[PATH_MAX];

        if (sscanf(line, "%*d %*d %u:%u %*s %4095s", &major_number, &minor_number, point) != 3)
                return false;
        const char *dash = strstr(line, " - ");
        if (!dash || sscanf(dash, " - %*s %4095s", source) != 1)
                source[0] = '\0';
        if (makedev(major_number, minor_number) != number && !node_is(host, source, number))
                return false;
        *ret_point = strdup(point);
        return true;
}

/* Is this block device mounted or swapped on? Sets *ret_use to the mount point or "swap". */
static int block_used(const HostPaths *host, dev_t number, char **ret_use)
{
        _cleanup_(freep) char *line = NULL;
        size_t n_line = 0;
        char path[PATH_MAX], node[PATH_MAX];

        /* The first process's view: our own lacks what the unit's sandbox hides. */
        (void)snprintf(path, sizeof(path), "%s/1/mountinfo", host->proc);
        _cleanup_(fclosep) FILE *mounts = fopen(path, "re");
        if (!mounts)
                return -errno;
        while (getline(&line, &n_line, mounts) > 0)
                if (mount_uses(host, line, number, ret_use))
                        return *ret_use ? 1 : -ENOMEM;

        (void)snprintf(path, sizeof(path), "%s/swaps", host->proc);
        _cleanup_(fclosep) FILE *swaps = fopen(path, "re");
        if (!swaps)
                return errno == ENOENT ? 0 : -errno; /* a kernel without swap */
        while (getline(&line, &n_line, swaps) > 0)
                if (sscanf(line, "%4095s", node) == 1 && node_is(host, node, number)) {
                        *ret_use = strdup("swap");
                        return *ret_use ? 1 : -ENOMEM;
                }
        return 0;
}

/*
 * Has the kernel itself given this block device to somebody for exclusive use (mounted in whatever
 * namespace, swap, dm, md)? A node that is not there cannot be asked; the walk has looked otherwise.
 */
static bool block_claimed(const HostPaths *host, const char *name)
{
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/%s", host->dev, name);
        for (char *c = path + strlen(host->dev) + 1; *c; c++)
                if (*c == '!')
                        *c = '/'; /* sysfs writes cciss/c0d0 as cciss!c0d0 */
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK);
        return fd < 0 && errno == EBUSY;
}

static int walk_block(Walk *walk, const char *name, char **ret_message);

/* Goes up to what is built on `name` (`holders`: dm, md, bcache …). */
static int walk_holders(Walk *walk, const char *name, char **ret_message)
{
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/class/block/%s/holders", walk->host->sysfs, name);
        _cleanup_(closedirp) DIR *dir = opendir(path);
        if (!dir)
                return errno == ENOENT ? 0 : -errno;
        for (struct dirent *entry; (entry = readdir(dir));) {
                if (entry->d_name[0] == '.')
                        continue;
                int r = walk_block(walk, entry->d_name, ret_message);
                if (r != 0)
                        return r;
        }
        return 0;
}

static int walk_block(Walk *walk, const char *name, char **ret_message)
{
        _cleanup_(freep) char *use = NULL;
        dev_t number;

        if (walk->n_chain >= ARRAY_SIZE(walk->chain) || ++walk->n_visits > HOLDER_VISITS_MAX)
                return walk_refuse(walk, "a stack of block devices too deep to follow", ret_message);

        walk->chain[walk->n_chain++] = name;
        int r = block_number(walk->host, name, &number);
        bool gone = r == -ENOENT;
        if (r == 0)
                r = block_used(walk->host, number, &use);
        if (r > 0)
                r = walk_refuse(walk, use, ret_message);
        else if (gone)
                r = 0; /* while we looked */
        else if (r == 0)
                r = walk_holders(walk, name, ret_message);
        if (r == 0 && block_claimed(walk->host, name))
                r = walk_refuse(walk, "something the kernel runs on it", ret_message);
        walk->n_chain--;
        return r;
}

static int walk_interface(Walk *walk, const char *name, char **ret_message)
{
        char path[PATH_MAX];
        _cleanup_(freep) char *text = NULL;

        (void)snprintf(path, sizeof(path), "%s/class/net/%s/flags", walk->host->sysfs, name);
        int r = host_read_text(path, &text);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        if (!(strtoul(text, NULL, 16) & IFF_UP))
                return 0;
        return host_refuse(REFUSAL_CRITICAL, ret_message,
                           "%s carries interface %s, which is up (%s → %s); take it down first",
                           walk->chain[0], name, walk->chain[0], name);
}

/*
 * A multipath NVMe disk hangs below a virtual subsystem, which links to its controllers. `target` is
 * where the disk's class link points.
 */
static bool nvme_subsystem_uses(const Walk *walk, const char *target, const char *needle)
{
        static const char marker[] = "/nvme-subsystem/";
        char path[PATH_MAX], link[PATH_MAX], controller[PATH_MAX];

        const char *name = strstr(target, marker);
        if (!name)
                return false;
        name += sizeof(marker) - 1;
        (void)snprintf(path, sizeof(path), "%s/class/nvme-subsystem/%.*s", walk->host->sysfs,
                       (int)strcspn(name, "/"), name);
        _cleanup_(closedirp) DIR *dir = opendir(path);
        if (!dir)
                return true; /* cannot tell: then it may be ours */
        for (struct dirent *entry; (entry = readdir(dir));) {
                (void)snprintf(link, sizeof(link), "%.3800s/%.255s", path, entry->d_name);
                ssize_t n = readlink(link, controller, sizeof(controller) - 1);
                if (n < 0)
                        continue;
                controller[n] = '\0';
                if (strstr(controller, needle))
                        return true;
        }
        return false;
}

/* Runs `visit` for every entry of /sys/class/CLASS that lives below the device. */
static int walk_class(Walk *walk, const char *class_name,
                      int (*visit)(Walk *, const char *, char **), char **ret_message)
{
        char path[PATH_MAX], link[PATH_MAX], target[PATH_MAX], needle[BDF_TEXT_SIZE + 2];

        (void)snprintf(needle, sizeof(needle), "/%s/", walk->chain[0]);
        (void)snprintf(path, sizeof(path), "%s/class/%s", walk->host->sysfs, class_name);
        _cleanup_(closedirp) DIR *dir = opendir(path);
        if (!dir)
                return errno == ENOENT ? 0 : -errno;

        for (struct dirent *entry; (entry = readdir(dir));) {
                if (entry->d_name[0] == '.')
                        continue;
                (void)snprintf(link, sizeof(link), "%s/class/%s/%s", walk->host->sysfs, class_name,
                               entry->d_name);
                ssize_t n = readlink(link, target, sizeof(target) - 1);
                if (n < 0)
                        continue; /* not a link: class attributes such as bonding_masters */
                target[n] = '\0';
                if (!strstr(target, needle) && !nvme_subsystem_uses(walk, target, needle))
                        continue;
                int r = visit(walk, entry->d_name, ret_message);
                if (r != 0)
                        return r;
        }
        return 0;
}

int critical_check(const HostPaths *host, Bdf bdf, char **ret_message)
{
        char text[BDF_TEXT_SIZE];
        Walk walk = {.host = host};

        walk.chain[walk.n_chain++] = bdf_format(bdf, text);
        int r = walk_class(&walk, "block", walk_block, ret_message);
        if (r == 0)
                r = walk_class(&walk, "net", walk_interface, ret_message);
        if (r < 0 && r != -ENOMEM)
                return host_refuse(REFUSAL_CRITICAL, ret_message,
                                   "%s: cannot tell whether the host uses it: %s", text,
                                   strerror(-r));
        return r;
}
