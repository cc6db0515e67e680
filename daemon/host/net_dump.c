/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The two questions to the kernel: all addresses, all routes. If anything changes during a dump,
 * the dump is requested again.
 */

#include <errno.h>
#include <linux/rtnetlink.h>

#include "core/probe/cleanup.h"
#include "daemon/host/net_table.h"
#include "daemon/host/netlink.h"

#define TRIES 8

/* Returns 0, NET_TABLE_E_CHANGED, or -errno. */
static int dump(uint16_t type, void *buffer, NetTable *table)
{
        /* The zero header of the family is AF_UNSPEC. */
        const struct nlmsghdr *request =
                netlink_begin(buffer, type, NLM_F_DUMP, sizeof(struct rtgenmsg));
        _cleanup_(closep) int fd = netlink_send(NETLINK_ROUTE, request);
        int r = fd < 0 ? fd : 0;

        while (r == 0) {
                ssize_t n = netlink_receive(fd, buffer, 0);
                r = n < 0 ? (int)n : net_table_parse(table, buffer, (size_t)n);
        }
        return r == NET_TABLE_E_DONE ? 0 : r;
}

int net_table_read(NetTable *ret_table)
{
        _cleanup_(freep) void *buffer = malloc(NETLINK_SIZE);
        int r = buffer ? 0 : -ENOMEM;

        for (unsigned i = 0; r >= 0 && i < TRIES; i++) {
                _cleanup_(net_table_clear) NetTable table = {.n_uses = 0};

                r = dump(RTM_GETADDR, buffer, &table);
                if (r == 0)
                        r = dump(RTM_GETROUTE, buffer, &table);
                if (r == 0) {
                        *ret_table = table;
                        table = (NetTable){.n_uses = 0};
                        return 0;
                }
        }
        return r < 0 ? r : -EAGAIN;
}
