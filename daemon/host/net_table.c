/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * RTM_NEWADDR and RTM_NEWROUTE (linux/if_addr.h, linux/rtnetlink.h), of IPv4 and IPv6.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "daemon/host/net_table.h"
#include "daemon/base/array.h"
#include "daemon/host/netlink.h"

#define ADDRESS_MAX 16 /* bytes, of IPv6 */

void net_table_clear(NetTable *table)
{
        free(table->uses);
        *table = (NetTable){.n_uses = 0};
}

static int add_use(NetTable *table, const NetUse *use)
{
        if (!ARRAY_GROW(table->uses, table->n_uses))
                return -ENOMEM;
        table->uses[table->n_uses++] = *use;
        return 0;
}

static size_t address_size(unsigned family)
{
        return family == AF_INET ? 4 : family == AF_INET6 ? ADDRESS_MAX : 0;
}

/* Every interface that is up has addresses and routes of fe80::/10 and ff00::/8. */
static bool is_automatic(unsigned family, const uint8_t *address)
{
        return family == AF_INET6 &&
               (address[0] == 0xff || (address[0] == 0xfe && (address[1] & 0xc0) == 0x80));
}

/* Copies an attribute's number. Returns false if it is too short for one. */
static bool take_number(NetlinkSpan payload, int *ret_number)
{
        if (payload.n < sizeof(*ret_number))
                return false;
        memcpy(ret_number, payload.data, sizeof(*ret_number));
        return true;
}

static int parse_address(NetTable *table, NetlinkSpan message)
{
        struct ifaddrmsg head;
        NetlinkSpan payload, address = {.n = 0};
        char text[INET6_ADDRSTRLEN];
        uint16_t type;
        int r;

        if (message.n < sizeof(head))
                return -EBADMSG;
        memcpy(&head, message.data, sizeof(head));
        netlink_advance(&message, sizeof(head));
        while ((r = netlink_next_attribute(&message, &type, &payload)) > 0)
                /* On a link with a peer, IFA_ADDRESS is the peer's; IFA_LOCAL is local. */
                if (type == IFA_LOCAL || (type == IFA_ADDRESS && address.n == 0))
                        address = payload;
        if (r < 0)
                return r;
        if (address_size(head.ifa_family) == 0)
                return 0;
        if (address.n < address_size(head.ifa_family))
                return -EBADMSG;
        if (is_automatic(head.ifa_family, address.data) ||
            !inet_ntop(head.ifa_family, address.data, text, sizeof(text)))
                return 0;
        NetUse use = {.interface = (int)head.ifa_index};
        (void)snprintf(use.text, sizeof(use.text), "%s/%u", text, head.ifa_prefixlen);
        return add_use(table, &use);
}

/* Records a route of an interface, unless the interface has one already. */
static int add_route(NetTable *table, int interface, const char *text)
{
        NetUse use = {.interface = interface, .is_route = true};

        for (size_t i = 0; i < table->n_uses; i++)
                if (table->uses[i].is_route && table->uses[i].interface == interface)
                        return 0;
        (void)snprintf(use.text, sizeof(use.text), "%s", text);
        return add_use(table, &use);
}

/* A route with several next hops: a struct rtnexthop and attributes for each. */
static int parse_hops(NetTable *table, NetlinkSpan hops, const char *text)
{
        struct rtnexthop hop;

        while (hops.n > 0) {
                if (hops.n < sizeof(hop))
                        return -EBADMSG;
                memcpy(&hop, hops.data, sizeof(hop));
                if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > hops.n)
                        return -EBADMSG;
                int r = add_route(table, hop.rtnh_ifindex, text);
                if (r < 0)
                        return r;
                netlink_advance(&hops, hop.rtnh_len);
        }
        return 0;
}

/* Describes a route's destination; false for a route that the kernel has made by itself. */
static bool describe_route(const struct rtmsg *head, NetlinkSpan to, char text[static NET_USE_SIZE])
{
        char address[INET6_ADDRSTRLEN];

        if (head->rtm_type != RTN_UNICAST || head->rtm_protocol == RTPROT_KERNEL ||
            address_size(head->rtm_family) == 0)
                return false;
        if (head->rtm_dst_len == 0) {
                (void)snprintf(text, NET_USE_SIZE, "default route");
                return true;
        }
        if (to.n < address_size(head->rtm_family) || is_automatic(head->rtm_family, to.data) ||
            !inet_ntop(head->rtm_family, to.data, address, sizeof(address)))
                return false;
        (void)snprintf(text, NET_USE_SIZE, "route to %s/%u", address, head->rtm_dst_len);
        return true;
}

static int parse_route(NetTable *table, NetlinkSpan message)
{
        struct rtmsg head;
        NetlinkSpan payload, to = {.n = 0}, hops = {.n = 0};
        char text[NET_USE_SIZE];
        int interface = 0, r;
        uint16_t type;

        if (message.n < sizeof(head))
                return -EBADMSG;
        memcpy(&head, message.data, sizeof(head));
        netlink_advance(&message, sizeof(head));
        while ((r = netlink_next_attribute(&message, &type, &payload)) > 0) {
                if (type == RTA_DST)
                        to = payload;
                else if (type == RTA_MULTIPATH)
                        hops = payload;
                else if (type == RTA_OIF && !take_number(payload, &interface))
                        return -EBADMSG;
        }
        if (r < 0 || !describe_route(&head, to, text))
                return r;
        r = interface != 0 ? add_route(table, interface, text) : 0;
        return r < 0 ? r : parse_hops(table, hops, text);
}

int net_table_parse(NetTable *table, const void *data, size_t n_data)
{
        NetlinkSpan rest = {data, n_data}, payload;
        uint16_t type, flags;
        bool changed = false;
        int r;

        while ((r = netlink_next_message(&rest, &type, &flags, &payload)) > 0) {
                changed |= flags & NLM_F_DUMP_INTR;
                if (type == NLMSG_DONE)
                        return changed ? NET_TABLE_E_CHANGED : NET_TABLE_E_DONE;
                if (type == NLMSG_ERROR) {
                        r = netlink_parse_error(payload);
                        return r == 0 ? -EBADMSG : r;
                }
                r = type == RTM_NEWADDR    ? parse_address(table, payload)
                    : type == RTM_NEWROUTE ? parse_route(table, payload)
                                           : 0;
                if (r < 0)
                        return r;
        }
        return r == 0 && changed ? NET_TABLE_E_CHANGED : r;
}
