/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The two questions to the kernel: all addresses, all routes. If anything changes during a dump,
 * the dump is requested again.
 */

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/probe/cleanup.h"
#include "daemon/host/net_table.h"

#define TRIES 8
#define DUMP_SIZE (1U << 18) /* bytes of one part; the kernel sends at most 32 KiB */

static int receive(int fd, NetTable *table)
{
        _cleanup_(freep) char *buffer = malloc(DUMP_SIZE);
        int r = 0;

        if (!buffer)
                return -ENOMEM;
        while (r == 0) {
                ssize_t n = recv(fd, buffer, DUMP_SIZE, MSG_TRUNC);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if ((size_t)n > DUMP_SIZE || n == 0)
                        return -EBADMSG;
                r = net_table_parse(table, buffer, (size_t)n);
        }
        return r;
}

/* Returns 0, NET_TABLE_E_CHANGED, or -errno. */
static int dump(uint16_t type, NetTable *table)
{
        struct {
                struct nlmsghdr head;
                struct rtgenmsg family;
                uint8_t padding[3]; /* the kernel gets these bytes too */
        } request = {
                .head = {.nlmsg_len = sizeof(request),
                         .nlmsg_type = type,
                         .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
                .family = {.rtgen_family = AF_UNSPEC},
        };

        _cleanup_(closep) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        if (fd < 0 || send(fd, &request, sizeof(request), 0) < 0)
                return -errno;
        int r = receive(fd, table);
        return r == NET_TABLE_E_DONE ? 0 : r;
}

int net_table_read(NetTable *ret_table)
{
        int r = 0;

        for (unsigned i = 0; i < TRIES; i++) {
                _cleanup_(net_table_clear) NetTable table = {.n_uses = 0};

                r = dump(RTM_GETADDR, &table);
                if (r == 0)
                        r = dump(RTM_GETROUTE, &table);
                if (r == 0) {
                        *ret_table = table;
                        table = (NetTable){.n_uses = 0};
                        return 0;
                }
                if (r < 0)
                        return r;
        }
        return -EAGAIN;
}
