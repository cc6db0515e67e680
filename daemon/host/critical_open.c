/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * From a device to the processes that have a node of its driver open.
 *
 * Every directory below the device's with a `dev` file is a device node, whatever its class: disks,
 * /dev/dri, sound, input, tapes, RDMA verbs. Open nodes are found by device number
 * (daemon/host/holders.h), so that a node in a container's /dev counts too. udev opens new nodes
 * for a short time; that is not a use.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "daemon/base/array.h"
#include "daemon/host/critical_walk.h"
#include "daemon/host/holders.h"

#define TREE_DEPTH_MAX 24
#define TREE_ENTRIES_MAX 65536
#define NODE_NAME_SIZE 64
#define UDEV_UNIT "systemd-udevd.service"

typedef struct NodeName {
        char text[NODE_NAME_SIZE]; /* below /dev */
} NodeName;

typedef struct Nodes {
        HolderSearch search;
        NodeName *names;  /* one for each node of the search */
        size_t n_entries; /* directories visited so far */
} Nodes;

static void nodes_clear(Nodes *nodes)
{
        holder_search_clear(&nodes->search);
        free(nodes->names);
}

/* --- the device's nodes ------------------------------------------------------------------------
 */

/* The node's name from the directory's uevent ("DEVNAME=dri/card0"), or else the directory's own.
 */
static void name_node(const char *directory, char name[static NODE_NAME_SIZE])
{
        static const char key[] = "DEVNAME=";
        _cleanup_(freep) char *text = NULL;
        const char *own = strrchr(directory, '/');
        const char *found = NULL;

        if (host_read_at(&text, "%s/uevent", directory) == 0)
                found = strstr(text, key);
        found = found ? found + sizeof(key) - 1 : own ? own + 1 : directory;
        (void)snprintf(name, NODE_NAME_SIZE, "%.*s", (int)strnlen(found, strcspn(found, "\n")),
                       found);
}

/* Adds the device node of a directory, if the directory has one. */
static int add_node(Nodes *nodes, const char *directory)
{
        _cleanup_(freep) char *text = NULL, *subsystem = NULL;
        unsigned major_number, minor_number;

        int r = host_read_at(&text, "%s/dev", directory);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        if (sscanf(text, "%u:%u", &major_number, &minor_number) != 2)
                return -EINVAL;
        r = host_read_link_at(&subsystem, "%s/subsystem", directory);
        if (r < 0 && r != -ENOENT && r != -EINVAL)
                return r;
        if (!ARRAY_GROW(nodes->names, nodes->search.n_nodes))
                return -ENOMEM;
        name_node(directory, nodes->names[nodes->search.n_nodes].text);
        const HolderNode node = {
                .kind = subsystem && strcmp(subsystem, "block") == 0 ? HOLDER_BLOCK
                                                                     : HOLDER_CHARACTER,
                .device = makedev(major_number, minor_number),
        };
        return holder_search_add_node(&nodes->search, &node);
}

/* An interface in another network namespace is not shown; only the empty directory `net` is. */
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
        int r = name_list_read(&list, "%s", path);
        if (list.is_missing)
                return 0;
        if (r == 0)
                r = depth > 0 ? add_node(nodes, path) : 0;
        if (r == 0)
                r = tell_hidden(walk, path, &list);
        for (int i = 0; r == 0 && i < list.n; i++) {
                const struct dirent *entry = list.entries[i];

                if (++nodes->n_entries > TREE_ENTRIES_MAX)
                        return -ELOOP;
                /* Skip the directory of another function, which is checked by itself. */
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

static int tell_open(CriticalWalk *walk, const char *name, const Holder *holder)
{
        char who[sizeof(holder->comm) + sizeof(holder->unit) + 64];

        if (strcmp(holder->unit, UDEV_UNIT) == 0)
                return 0;
        (void)snprintf(who, sizeof(who), "%s, pid %d%s%s", holder->comm, holder->pid,
                       holder->unit[0] ? ", " : "", holder->unit);
        int r = critical_push(walk, name);
        if (r < 0)
                return r;
        r = critical_tell(walk, CRITICAL_OPEN, who, "%s is in use: /dev/%s is open", walk->chain[0],
                          name);
        critical_pop(walk);
        return r;
}

int critical_walk_open(CriticalWalk *walk)
{
        _cleanup_(nodes_clear) Nodes nodes = {.search = {.each = true}};
        _cleanup_(holder_list_clear) HolderList list = {.items = NULL};
        size_t n_killed;

        int r = collect_all(walk, &nodes);
        if (r != 0 || nodes.search.n_nodes == 0)
                return r;
        r = holders_look(walk->host, &nodes.search, false, &list, &n_killed);
        for (size_t i = 0; r == 0 && i < list.n_items; i++) {
                uint32_t node = list.items[i].node;

                r = node < nodes.search.n_nodes
                            ? tell_open(walk, nodes.names[node].text, &list.items[i])
                            : -EBADMSG;
        }
        return r;
}
