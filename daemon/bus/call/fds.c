/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The daemon fills the socket before the caller gets the other end. If the descriptors do not fit,
 * the reply fails; the daemon never waits.
 */

#include "daemon/bus/call/fds.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* 16, less the lease fd and the socket. */
#define FDS_IN_MESSAGE_MAX 14
/* At most 253, the limit of the kernel (SCM_MAX_FD). */
#define FDS_IN_PACKET_MAX 64

static int send_packet(int socket, const VfioFd *items, size_t n)
{
        char names[FDS_IN_PACKET_MAX * (sizeof(items->name) + 1)];
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(FDS_IN_PACKET_MAX * sizeof(int))];
        } control = {.header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
        struct iovec part = {.iov_base = names};

        control.header.cmsg_len = CMSG_LEN(n * sizeof(int));
        for (size_t i = 0; i < n; i++) {
                part.iov_len += (size_t)snprintf(names + part.iov_len, sizeof(names) - part.iov_len,
                                                 "%s\n", items[i].name);
                memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &items[i].fd, sizeof(int));
        }
        const struct msghdr message = {
                .msg_iov = &part,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = CMSG_SPACE(n * sizeof(int)),
        };
        return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* Appends a socket that carries these descriptors. */
static int append_more(sd_bus_message *reply, const VfioFd *items, size_t n)
{
        int ends[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
                return -errno;
        _cleanup_(closep) int ours = ends[0], theirs = ends[1];

        while (n > 0) {
                size_t part = n < FDS_IN_PACKET_MAX ? n : FDS_IN_PACKET_MAX;
                int r = send_packet(ours, items, part);
                if (r < 0)
                        return r;
                items += part;
                n -= part;
        }
        return sd_bus_message_append(reply, "(sh)", BUS_FDS_MORE, theirs);
}

int bus_append_fds(sd_bus_message *reply, const VfioFds *fds)
{
        size_t n = fds->n_items < FDS_IN_MESSAGE_MAX ? fds->n_items : FDS_IN_MESSAGE_MAX;

        int r = sd_bus_message_open_container(reply, 'a', "(sh)");
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = sd_bus_message_append(reply, "(sh)", fds->items[i].name, fds->items[i].fd);
        if (r >= 0 && n < fds->n_items)
                r = append_more(reply, fds->items + n, fds->n_items - n);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}
