/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is looked for, who was found, and both between processes.
 *
 * What is looked for goes to the aide as memory: a header, the nodes, the devices. The aide runs
 * the same program as the daemon, so that it is the structures themselves.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "daemon/host/holders.h"
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
        HolderNode *nodes = reallocarray(search->nodes, search->n_nodes + 1, sizeof(*nodes));
        if (!nodes)
                return -ENOMEM;
        search->nodes = nodes;
        nodes += search->n_nodes++;
        memset(nodes, 0, sizeof(*nodes)); /* what is between its members goes to the aide, too */
        nodes->kind = node->kind;
        nodes->device = node->device;
        nodes->inode = node->inode;
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
        Bdf *devices = reallocarray(search->devices, search->n_devices + 1, sizeof(*devices));
        if (!devices)
                return -ENOMEM;
        search->devices = devices;
        devices[search->n_devices++] = bdf;
        if (vfio_find_cdev(host, bdf, &path) < 0 || !holder_node_look(AT_FDCWD, path, 0, &node))
                return 0;
        return holder_search_add_node(search, &node);
}

int holder_search_add_fds(HolderSearch *search, const VfioFds *fds)
{
        HolderNode node;

        for (size_t i = 0; i < fds->n_items; i++) {
                /* Everybody's containers and iommufds are the same node. */
                if (!strchr(fds->items[i].name, ':') ||
                    !holder_node_look(fds->items[i].fd, "", AT_EMPTY_PATH, &node))
                        continue;
                int r = holder_search_add_node(search, &node);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --- between processes, and in words ---------------------------------------------------------- */

/* What comes before the nodes and the devices of a search. */
typedef struct SearchHeader {
        uint64_t n_nodes, n_devices;
        int32_t daemon, keeper;
        uint32_t each;
        uint32_t reserved;
} SearchHeader;

#define SEARCH_BYTES_MAX ((size_t)1 << 20)

static int search_to_fd(const HolderSearch *search)
{
        const SearchHeader header = {
                .n_nodes = search->n_nodes,
                .n_devices = search->n_devices,
                .daemon = search->daemon,
                .keeper = search->keeper,
                .each = search->each,
        };
        const size_t n_nodes = search->n_nodes * sizeof(*search->nodes);
        const size_t n_devices = search->n_devices * sizeof(*search->devices);
        _cleanup_(freep) char *data = malloc(sizeof(header) + n_nodes + n_devices);

        if (!data)
                return -ENOMEM;
        memcpy(data, &header, sizeof(header));
        if (n_nodes > 0)
                memcpy(data + sizeof(header), search->nodes, n_nodes);
        if (n_devices > 0)
                memcpy(data + sizeof(header) + n_nodes, search->devices, n_devices);
        return packet_memory_make("search", data, sizeof(header) + n_nodes + n_devices);
}

static int search_from_fd(int fd, HolderSearch *ret)
{
        _cleanup_(holder_search_clear) HolderSearch search = {.nodes = NULL};
        _cleanup_(freep) void *data = NULL;
        const size_t most = SEARCH_BYTES_MAX / sizeof(Bdf);
        SearchHeader header;
        size_t n;

        int r = packet_memory_read(fd, SEARCH_BYTES_MAX, &data, &n);
        if (r < 0)
                return r;
        if (n < sizeof(header))
                return -EBADMSG;
        memcpy(&header, data, sizeof(header));
        if (header.n_nodes > most || header.n_devices > most ||
            n != sizeof(header) + header.n_nodes * sizeof(*search.nodes) +
                            header.n_devices * sizeof(*search.devices))
                return -EBADMSG;
        search = (HolderSearch){
                .nodes = calloc(header.n_nodes + 1, sizeof(*search.nodes)),
                .n_nodes = header.n_nodes,
                .devices = calloc(header.n_devices + 1, sizeof(*search.devices)),
                .n_devices = header.n_devices,
                .daemon = header.daemon,
                .keeper = header.keeper,
                .each = header.each,
        };
        if (!search.nodes || !search.devices)
                return -ENOMEM;
        const char *at = (const char *)data + sizeof(header);
        memcpy(search.nodes, at, search.n_nodes * sizeof(*search.nodes));
        at += search.n_nodes * sizeof(*search.nodes);
        memcpy(search.devices, at, search.n_devices * sizeof(*search.devices));
        *ret = search;
        search = (HolderSearch){.nodes = NULL};
        return 0;
}

static int look_ourselves(const HostPaths *host, const HolderSearch *search, bool kill,
                          HolderList *ret, size_t *ret_n)
{
        *ret_n = 0;
        int r = holders_find(host, search, ret);
        return r == 0 && kill ? holders_kill(host, search, ret, ret_n) : r;
}

/* Where there should be an aide our own rights may not do: not to see anybody is not that nobody
 * is. */
static int look_instead(const HostPaths *host, const HolderSearch *search, bool kill,
                        HolderList *ret, size_t *ret_n)
{
        HolderSearch alone = *search; /* borrowed */

        alone.strict = host->helpers && !search->each;
        int r = look_ourselves(host, &alone, kill, ret, ret_n);
        return alone.strict && (r == -EACCES || r == -EPERM) ? HOLDERS_E_UNSEEN : r;
}

int holders_look(const HostPaths *host, const HolderSearch *search, bool kill, HolderList *ret,
                 size_t *ret_n)
{
        HelperRequest request = {.task = kill ? HELPER_KILL : HELPER_FIND};
        HelperReply reply;

        _cleanup_(closep) int fd = search_to_fd(search);
        if (fd < 0)
                return fd;
        _cleanup_(closep) int found = -1;
        int r = helper_ask(host, HELPER_LOOK, &request, fd, &reply, &found);
        if (r == HELPER_NONE)
                return look_instead(host, search, kill, ret, ret_n);
        if (r < 0)
                return r;
        if (reply.code < 0)
                return reply.code;
        *ret_n = reply.number;
        return found < 0 ? -EBADMSG : holders_from_fd(found, ret);
}

int holders_serve(const HostPaths *host, const HelperRequest *request, int fd, HelperReply *reply,
                  int *ret_fd)
{
        _cleanup_(holder_search_clear) HolderSearch search = {.nodes = NULL};
        _cleanup_(holder_list_clear) HolderList list = {.items = NULL};
        size_t n = 0;

        int r = search_from_fd(fd, &search);
        if (r == 0)
                r = look_ourselves(host, &search, request->task == HELPER_KILL, &list, &n);
        if (r < 0)
                return r;
        reply->number = n;
        *ret_fd = holders_to_fd(&list);
        return *ret_fd < 0 ? *ret_fd : 0;
}

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
