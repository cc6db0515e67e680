/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Finds holders through the privileged helper; this is also the code of the helper.
 *
 * The search is sent to the helper as memory: a header, the nodes, the devices. The helper is of
 * the same build as the daemon, so the memory holds the structures themselves.
 */

#include <errno.h>
#include <string.h>

#include "core/probe/cleanup.h"
#include "daemon/host/holders.h"
#include "daemon/host/packet.h"

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

/*
 * Searches with the daemon's own rights. If there should be a helper, these rights may not suffice:
 * a process that the daemon cannot read may be a holder.
 */
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
