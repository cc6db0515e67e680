/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * From a device to the processes that have a node of its driver open.
 *
 * Every directory below the device's with a `dev` file is a device node, whatever its class: disks,
 * /dev/dri, sound, input, tapes, RDMA verbs. Who has one open is told by /proc/PID/fd, compared by
 * device number, so that a node in a container's /dev counts too. udev, which
 * looks at what has just come and lets go again, is not a use.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/probe/process.h"
#include "daemon/host/critical_walk.h"

#define TREE_DEPTH_MAX 24
#define TREE_ENTRIES_MAX 65536
#define NODE_NAME_SIZE 64
#define UDEV_UNIT "systemd-udevd.service"

typedef struct Node {
        unsigned major_number, minor_number;
        bool is_block;
        bool is_told;              /* of the process that is looked at */
        char name[NODE_NAME_SIZE]; /* below /dev */
} Node;

typedef struct Nodes {
        Node *items;
        size_t n_items;
        size_t n_entries; /* of directories, looked at */
} Nodes;

static void nodes_clear(Nodes *nodes)
{
        free(nodes->items);
}

/* --- the device's nodes ------------------------------------------------------------------------
 */

/* The node's name from the directory's uevent ("DEVNAME=dri/card0"), or else the directory's own.
 */
static void name_node(const char *directory, char name[static NODE_NAME_SIZE])
{
        static const char key[] = "DEVNAME=";
        _cleanup_(freep) char *text = NULL;
        char path[PATH_MAX];
        const char *own = strrchr(directory, '/');
        const char *found = NULL;

        (void)snprintf(path, sizeof(path), "%.4000s/uevent", directory);
        if (host_read_text(path, &text) == 0)
                found = strstr(text, key);
        found = found ? found + sizeof(key) - 1 : own ? own + 1 : directory;
        (void)snprintf(name, NODE_NAME_SIZE, "%.*s", (int)strnlen(found, strcspn(found, "\n")),
                       found);
}

/* Adds the node that a directory stands for, if it stands for one. */
static int add_node(Nodes *nodes, const char *directory)
{
        _cleanup_(freep) char *text = NULL, *subsystem = NULL;
        char path[PATH_MAX];
        Node node = {.is_told = false};

        (void)snprintf(path, sizeof(path), "%.4000s/dev", directory);
        int r = host_read_text(path, &text);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        if (sscanf(text, "%u:%u", &node.major_number, &node.minor_number) != 2)
                return -EINVAL;
        (void)snprintf(path, sizeof(path), "%.4000s/subsystem", directory);
        r = host_read_link_name(path, &subsystem);
        if (r < 0 && r != -ENOENT && r != -EINVAL)
                return r;
        node.is_block = subsystem && strcmp(subsystem, "block") == 0;
        name_node(directory, node.name);
        Node *items = reallocarray(nodes->items, nodes->n_items + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;
        nodes->items = items;
        items[nodes->n_items++] = node;
        return 0;
}

/* An interface that lives in another network namespace is not shown here; its place is. */
static int tell_hidden(CriticalWalk *walk, const char *path, const NameList *list)
{
        const char *slash = strrchr(path, '/');

        if (list->n > 0 || !slash || strcmp(slash, "/net") != 0)
                return 0;
        return critical_tell(walk, CRITICAL_NET, "another network namespace",
                             "%s carries an interface that was given to another network namespace",
                             walk->chain[0]);
}

static int collect(CriticalWalk *walk, const char *path, unsigned depth, Nodes *nodes)
{
        _cleanup_(name_list_clear) NameList list = {.n = 0};
        char below[PATH_MAX];
        Bdf bdf;

        if (depth > TREE_DEPTH_MAX)
                return -ELOOP;
        int r = name_list_read(&list, path);
        if (r == -ENOENT || r == -ENOTDIR)
                return 0;
        if (r == 0)
                r = depth > 0 ? add_node(nodes, path) : 0;
        if (r == 0)
                r = tell_hidden(walk, path, &list);
        for (int i = 0; r == 0 && i < list.n; i++) {
                const struct dirent *entry = list.entries[i];

                if (++nodes->n_entries > TREE_ENTRIES_MAX)
                        return -ELOOP;
                /* Another function's is another question. */
                if (entry->d_type != DT_DIR || bdf_parse(entry->d_name, &bdf))
                        continue;
                (void)snprintf(below, sizeof(below), "%.3800s/%s", path, entry->d_name);
                r = collect(walk, below, depth + 1, nodes);
        }
        return r;
}

static int visit(CriticalWalk *walk, const char *path, void *userdata)
{
        return collect(walk, path, 0, userdata);
}

static int collect_all(CriticalWalk *walk, Nodes *nodes)
{
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/", walk->host->sysfs,
                       walk->chain[0]);
        int r = collect(walk, path, 0, nodes);
        if (r == 0)
                r = critical_visit_subsystems(walk, visit, nodes);
        return r == 0 ? critical_visit_framebuffers(walk, visit, nodes) : r;
}

/* --- who has them open -------------------------------------------------------------------------
 */

static bool is_node(const struct statx *st, const Node *node)
{
        return (node->is_block ? S_ISBLK(st->stx_mode) : S_ISCHR(st->stx_mode)) &&
               st->stx_rdev_major == node->major_number && st->stx_rdev_minor == node->minor_number;
}

static int tell_open(CriticalWalk *walk, Node *node, const char *pid)
{
        Process process;
        char who[PROCESS_NAME_SIZE + PROCESS_UNIT_SIZE + 64];

        node->is_told = true;
        process_describe(walk->host->proc, pid, &process);
        if (strcmp(process.unit, UDEV_UNIT) == 0)
                return 0;
        (void)snprintf(who, sizeof(who), "%s, pid %.16s%s%s", process.comm, pid,
                       process.unit[0] ? ", " : "", process.unit);
        int r = critical_push(walk, node->name);
        if (r < 0)
                return r;
        r = critical_tell(walk, CRITICAL_OPEN, who, "%s is in use: /dev/%s is open", walk->chain[0],
                          node->name);
        critical_pop(walk);
        return r;
}

static int look_at_process(CriticalWalk *walk, Nodes *nodes, const char *pid)
{
        _cleanup_(name_list_clear) NameList list = {.n = 0};
        char path[PATH_MAX];
        struct statx st;
        int r;

        (void)snprintf(path, sizeof(path), "%s/%.16s/fd", walk->host->proc, pid);
        _cleanup_(closep) int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = directory < 0 ? -errno : name_list_read(&list, path);
        if (r == -ENOENT || r == -ESRCH)
                return 0; /* it has ended */
        for (size_t n = 0; n < nodes->n_items; n++)
                nodes->items[n].is_told = false;
        for (int i = 0; r == 0 && i < list.n; i++) {
                /* What is cached will do: no file server is asked. */
                if (statx(directory, list.entries[i]->d_name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
                          STATX_TYPE, &st) < 0)
                        continue; /* closed while we looked */
                for (size_t n = 0; r == 0 && n < nodes->n_items; n++)
                        if (!nodes->items[n].is_told && is_node(&st, &nodes->items[n]))
                                r = tell_open(walk, &nodes->items[n], pid);
        }
        return r;
}

int critical_walk_open(CriticalWalk *walk)
{
        _cleanup_(nodes_clear) Nodes nodes = {.n_items = 0};
        _cleanup_(name_list_clear) NameList list = {.n = 0};

        int r = collect_all(walk, &nodes);
        if (r != 0 || nodes.n_items == 0)
                return r;
        r = name_list_read(&list, walk->host->proc);
        for (int i = 0; r == 0 && i < list.n; i++) {
                const char *name = list.entries[i]->d_name;

                if (name[strspn(name, "0123456789")] == '\0')
                        r = look_at_process(walk, &nodes, name);
        }
        return r;
}
