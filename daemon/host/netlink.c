/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Headers are copied out before they are read. Each length is checked against what is left.
 */

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>

#include "daemon/host/netlink.h"

static size_t align(size_t n)
{
        return (n + NLA_ALIGNTO - 1) & ~(size_t)(NLA_ALIGNTO - 1);
}

void netlink_advance(NetlinkSpan *span, size_t n)
{
        n = align(n) < span->n ? align(n) : span->n;
        span->data += n;
        span->n -= n;
}

int netlink_next_attribute(NetlinkSpan *rest, uint16_t *ret_type, NetlinkSpan *ret_payload)
{
        struct nlattr head;

        if (rest->n == 0)
                return 0;
        if (rest->n < sizeof(head))
                return -EBADMSG;
        memcpy(&head, rest->data, sizeof(head));
        if (head.nla_len < sizeof(head) || head.nla_len > rest->n)
                return -EBADMSG;
        *ret_type = head.nla_type & NLA_TYPE_MASK;
        *ret_payload = (NetlinkSpan){rest->data + sizeof(head), head.nla_len - sizeof(head)};
        netlink_advance(rest, head.nla_len);
        return 1;
}

int netlink_next_message(NetlinkSpan *rest, uint16_t *ret_type, uint16_t *ret_flags,
                         NetlinkSpan *ret_payload)
{
        struct nlmsghdr head;

        if (rest->n == 0)
                return 0;
        if (rest->n < sizeof(head))
                return -EBADMSG;
        memcpy(&head, rest->data, sizeof(head));
        if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > rest->n)
                return -EBADMSG;
        *ret_type = head.nlmsg_type;
        *ret_flags = head.nlmsg_flags;
        *ret_payload = (NetlinkSpan){rest->data + sizeof(head), head.nlmsg_len - sizeof(head)};
        netlink_advance(rest, head.nlmsg_len);
        return 1;
}

int netlink_parse_error(NetlinkSpan message)
{
        int32_t error;

        if (message.n < sizeof(error))
                return -EBADMSG;
        memcpy(&error, message.data, sizeof(error));
        return error > 0 || error < -4095 ? -EBADMSG : error;
}
