/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Sockets are used directly: mnl_socket_recvfrom() does not say who sent a message.
 */

#include <errno.h>
#include <sys/socket.h>

#include "core/probe/cleanup.h"
#include "daemon/host/netlink.h"

struct nlmsghdr *netlink_begin(void *buffer, uint16_t type, uint16_t flags, size_t n_header)
{
        struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

        message->nlmsg_type = type;
        message->nlmsg_flags = NLM_F_REQUEST | flags;
        (void)mnl_nlmsg_put_extra_header(message, MNL_ALIGN(n_header));
        return message;
}

int netlink_send(int protocol, const struct nlmsghdr *request)
{
        const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

        _cleanup_(closep) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
        if (fd < 0 ||
            TEMP_FAILURE_RETRY(sendto(fd, request, request->nlmsg_len, 0,
                                      (const struct sockaddr *)&kernel, sizeof(kernel))) < 0)
                return -errno;
        return TAKE_FD(fd);
}

ssize_t netlink_receive(int fd, void *buffer, int flags)
{
        struct sockaddr_nl from;
        socklen_t n_from = sizeof(from);

        ssize_t n = TEMP_FAILURE_RETRY(recvfrom(fd, buffer, NETLINK_SIZE, MSG_TRUNC | flags,
                                                (struct sockaddr *)&from, &n_from));
        if (n < 0)
                return -errno;
        if (n == 0 || (size_t)n > NETLINK_SIZE || n_from != sizeof(from) || from.nl_pid != 0)
                return -EBADMSG;
        return n;
}

ssize_t netlink_ask(int protocol, void *buffer, int flags)
{
        _cleanup_(closep) int fd = netlink_send(protocol, buffer);

        return fd < 0 ? fd : netlink_receive(fd, buffer, flags);
}

bool netlink_is_whole(const struct nlmsghdr *message, size_t n)
{
        /* To libmnl before 1.0.5, a length of 2 GiB and more is a negative number, and passes. */
        return mnl_nlmsg_ok(message, (int)n) && message->nlmsg_len <= n;
}

int netlink_parse_ack(const void *data, size_t n_data)
{
        const struct nlmsghdr *message = data;
        const struct nlmsgerr *body = mnl_nlmsg_get_payload(message);

        if (!netlink_is_whole(message, n_data) || message->nlmsg_type != NLMSG_ERROR ||
            mnl_nlmsg_get_payload_len(message) < sizeof(*body))
                return -EBADMSG;
        return body->error > 0 || body->error < -4095 ? -EBADMSG : body->error;
}

static int find(const void *data, size_t n, const struct nlattr **found, size_t n_found)
{
        const char *end = (const char *)data + n;
        const struct nlattr *attribute = data;

        for (; mnl_attr_ok(attribute, (int)(end - (const char *)attribute));
             attribute = mnl_attr_next(attribute))
                if (mnl_attr_get_type(attribute) < n_found)
                        found[mnl_attr_get_type(attribute)] = attribute;
        /* The last attribute may lack its padding. */
        return (const char *)attribute < end ? -EBADMSG : 0;
}

int netlink_find(const struct nlmsghdr *message, size_t n_header, const struct nlattr **found,
                 size_t n_found)
{
        size_t n = mnl_nlmsg_get_payload_len(message);

        return n < n_header ? -EBADMSG
                            : find(mnl_nlmsg_get_payload_offset(message, n_header), n - n_header,
                                   found, n_found);
}

int netlink_find_nested(const struct nlattr *nest, const struct nlattr **found, size_t n_found)
{
        return find(mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest), found, n_found);
}
