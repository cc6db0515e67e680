/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A search for holders: what it looks for, the list of what it found, and that list in words. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "daemon/host/holders.h"
#include "daemon/base/array.h"
#include "daemon/host/packet.h"

#define DESCRIBED_MAX 4 /* holders by name in a sentence */

void holder_search_clear(HolderSearch *search)
{
        free(search->nodes);
        free(search->devices);
        *search = (HolderSearch){.nodes = NULL};
}

void holder_list_clear(HolderList *list)
{
        free(list->items);
        *list = (HolderList){.items = NULL};
}

/* --- what is looked for ----------------------------------------------------------------------- */

int holder_search_add_node(HolderSearch *search, const HolderNode *node)
{
        if (!ARRAY_GROW(search->nodes, search->n_nodes))
                return -ENOMEM;
        HolderNode *added = &search->nodes[search->n_nodes++];
        memset(added, 0, sizeof(*added)); /* padding is sent to the helper, too */
        added->kind = node->kind;
        added->device = node->device;
        added->inode = node->inode;
        return 0;
}

bool holder_node_look(int directory, const char *name, int flags, HolderNode *ret_node)
{
        struct statx status;

        if (statx(directory, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT | flags,
                  STATX_TYPE | STATX_INO, &status) < 0)
                return false;
        if (S_ISCHR(status.stx_mode) || S_ISBLK(status.stx_mode))
                *ret_node = (HolderNode){
                        .kind = S_ISCHR(status.stx_mode) ? HOLDER_CHARACTER : HOLDER_BLOCK,
                        .device = makedev(status.stx_rdev_major, status.stx_rdev_minor),
                };
        else
                *ret_node = (HolderNode){
                        .kind = HOLDER_FILE,
                        .device = makedev(status.stx_dev_major, status.stx_dev_minor),
                        .inode = status.stx_ino,
                };
        return true;
}

int holder_search_add_group(HolderSearch *search, const HostPaths *host, int32_t group)
{
        char path[PATH_MAX];
        HolderNode node;

        (void)snprintf(path, sizeof(path), "%s/vfio/%d", host->dev, group);
        return holder_node_look(AT_FDCWD, path, 0, &node) ? holder_search_add_node(search, &node)
                                                          : 0;
}

int holder_search_add_device(HolderSearch *search, const HostPaths *host, Bdf bdf)
{
        _cleanup_(freep) char *path = NULL;
        HolderNode node;

        if (!ARRAY_GROW(search->devices, search->n_devices))
                return -ENOMEM;
        search->devices[search->n_devices++] = bdf;
        if (vfio_find_cdev(host, bdf, &path) < 0 || !holder_node_look(AT_FDCWD, path, 0, &node))
                return 0;
        return holder_search_add_node(search, &node);
}

int holder_search_add_fds(HolderSearch *search, const VfioFds *fds)
{
        HolderNode node;

        for (size_t i = 0; i < fds->n_items; i++) {
                /* All containers have the same node, and so do all iommufds. */
                if (!strchr(fds->items[i].name, ':') ||
                    !holder_node_look(fds->items[i].fd, "", AT_EMPTY_PATH, &node))
                        continue;
                int r = holder_search_add_node(search, &node);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- what was found --------------------------------------------------------------------------- */

int holders_to_fd(const HolderList *list)
{
        return packet_memory_make("holders", list->items, list->n_items * sizeof(*list->items));
}

int holders_from_fd(int fd, HolderList *ret)
{
        _cleanup_(freep) void *data = NULL;
        size_t n;

        int r = packet_memory_read(fd, HOLDERS_MAX * sizeof(*ret->items), &data, &n);
        if (r < 0)
                return r;
        if (n % sizeof(*ret->items) != 0)
                return -EBADMSG;
        *ret = (HolderList){.items = TAKE_PTR(data), .n_items = n / sizeof(*ret->items)};
        return 0;
}

char *holders_describe(const HolderList *list)
{
        char *text = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&text, &size);

        if (!stream)
                return NULL;
        if (list->n_items == 0)
                (void)fputs("nobody", stream);
        for (size_t i = 0; i < list->n_items && i < DESCRIBED_MAX; i++) {
                const Holder *holder = &list->items[i];

                (void)fprintf(stream, "%s%s%d %s%s%s%s", i > 0 ? ", " : "",
                              holder->certain ? "" : "perhaps ", holder->pid, holder->comm,
                              holder->unit[0] ? " (" : "", holder->unit,
                              holder->unit[0] ? ")" : "");
        }
        if (list->n_items > DESCRIBED_MAX)
                (void)fprintf(stream, " and %zu more", list->n_items - DESCRIBED_MAX);
        if (fclose(stream) == 0)
                return text;
        free(text);
        return NULL;
}
