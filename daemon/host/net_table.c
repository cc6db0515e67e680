/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * RTM_NEWADDR and RTM_NEWROUTE (linux/if_addr.h, linux/rtnetlink.h), of IPv4 and IPv6.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "daemon/host/net_table.h"
#include "daemon/base/array.h"
#include "daemon/host/netlink.h"

void net_table_clear(NetTable *table)
{
        free(table->uses);
        *table = (NetTable){.n_uses = 0};
}

/* Records an address, or the first route of an interface. */
static int add_use(NetTable *table, int interface, bool is_route, const char *text)
{
        for (size_t i = 0; is_route && i < table->n_uses; i++)
                if (table->uses[i].is_route && table->uses[i].interface == interface)
                        return 0;
        if (!ARRAY_GROW(table->uses, table->n_uses))
                return -ENOMEM;
        NetUse *use = &table->uses[table->n_uses++];
        *use = (NetUse){.interface = interface, .is_route = is_route};
        (void)snprintf(use->text, sizeof(use->text), "%s", text);
        return 0;
}

static bool is_ip(unsigned family)
{
        return family == AF_INET || family == AF_INET6;
}

/* Formats `prefix`, an address and its length. Returns 1, 0 for what is not told, or -EBADMSG. */
static int describe(unsigned family, const struct nlattr *attribute, const char *prefix,
                    unsigned length, char text[static NET_USE_SIZE])
{
        size_t size = family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
        char address[INET6_ADDRSTRLEN];

        if (!attribute || mnl_attr_get_payload_len(attribute) < size)
                return -EBADMSG;
        const struct in6_addr *bytes = mnl_attr_get_payload(attribute);
        /* Every interface that is up has addresses and routes of fe80::/10 and ff00::/8. */
        if (family == AF_INET6 && (IN6_IS_ADDR_LINKLOCAL(bytes) || IN6_IS_ADDR_MULTICAST(bytes)))
                return 0;
        if (!inet_ntop((int)family, bytes, address, sizeof(address)))
                return 0;
        (void)snprintf(text, NET_USE_SIZE, "%s%s/%u", prefix, address, length);
        return 1;
}

static int parse_address(NetTable *table, const struct nlmsghdr *message)
{
        const struct ifaddrmsg *head = mnl_nlmsg_get_payload(message);
        const struct nlattr *found[IFA_LOCAL + 1] = {NULL};
        char text[NET_USE_SIZE];

        int r = netlink_find(message, sizeof(*head), found, ARRAY_SIZE(found));
        if (r < 0 || !is_ip(head->ifa_family))
                return r;
        /* On a link with a peer, IFA_ADDRESS is the peer's; IFA_LOCAL is local. */
        r = describe(head->ifa_family, found[IFA_LOCAL] ?: found[IFA_ADDRESS], "",
                     head->ifa_prefixlen, text);
        return r > 0 ? add_use(table, (int)head->ifa_index, false, text) : r;
}

/* A route with several next hops: a struct rtnexthop and attributes for each. */
static int parse_hops(NetTable *table, const struct nlattr *hops, const char *text)
{
        const struct rtnexthop *hop = mnl_attr_get_payload(hops);
        int r = 0;

        for (int n = mnl_attr_get_payload_len(hops); r == 0 && n > 0; hop = RTNH_NEXT(hop)) {
                if (n < (int)sizeof(*hop) || !RTNH_OK(hop, n))
                        return -EBADMSG;
                r = add_use(table, hop->rtnh_ifindex, true, text);
                n -= (int)RTNH_ALIGN(hop->rtnh_len);
        }
        return r;
}

static int parse_route(NetTable *table, const struct nlmsghdr *message)
{
        const struct rtmsg *head = mnl_nlmsg_get_payload(message);
        const struct nlattr *found[RTA_MULTIPATH + 1] = {NULL};
        char text[NET_USE_SIZE] = "default route";
        int interface = 0;

        int r = netlink_find(message, sizeof(*head), found, ARRAY_SIZE(found));
        if (r == 0 && found[RTA_OIF]) {
                if (mnl_attr_get_payload_len(found[RTA_OIF]) < sizeof(uint32_t))
                        return -EBADMSG;
                interface = (int)mnl_attr_get_u32(found[RTA_OIF]);
        }
        /* Leave out the routes that the kernel has made by itself. */
        if (r < 0 || head->rtm_type != RTN_UNICAST || head->rtm_protocol == RTPROT_KERNEL ||
            !is_ip(head->rtm_family))
                return r;
        r = head->rtm_dst_len == 0 ? 1
                                   : describe(head->rtm_family, found[RTA_DST], "route to ",
                                              head->rtm_dst_len, text);
        if (r <= 0)
                return r;
        r = interface != 0 ? add_use(table, interface, true, text) : 0;
        return r == 0 && found[RTA_MULTIPATH] ? parse_hops(table, found[RTA_MULTIPATH], text) : r;
}

int net_table_parse(NetTable *table, const void *data, size_t n_data)
{
        const struct nlmsghdr *message = data;
        int n = (int)n_data, r = 0;

        for (; r == 0 && n > 0; message = mnl_nlmsg_next(message, &n)) {
                if (!netlink_is_whole(message, (size_t)n))
                        return -EBADMSG;
                if (message->nlmsg_flags & NLM_F_DUMP_INTR)
                        return NET_TABLE_E_CHANGED;
                if (message->nlmsg_type == NLMSG_DONE)
                        return NET_TABLE_E_DONE;
                if (message->nlmsg_type == NLMSG_ERROR)
                        return netlink_parse_ack(message, (size_t)n) ?: -EBADMSG;
                if (message->nlmsg_type == RTM_NEWADDR)
                        r = parse_address(table, message);
                else if (message->nlmsg_type == RTM_NEWROUTE)
                        r = parse_route(table, message);
        }
        return r;
}
