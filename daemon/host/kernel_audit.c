/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One message of netlink(7)'s audit family, type AUDIT_TRUSTED_APP, and its acknowledgement. */

#include "daemon/host/kernel_audit.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "daemon/host/netlink.h"
#include "daemon/host/packet.h"

/* A message type for a program's own text. User space assigns those above AUDIT_FIRST_USER_MSG. */
#define AUDIT_TRUSTED_APP (AUDIT_FIRST_USER_MSG + 21)
#define REPLY_SIZE 16384 /* an error reply includes the whole request */

void kernel_audit_tell(const HostPaths *host, const char *text)
{
        const HelperRequest request = {.version = HELPER_VERSION, .task = HELPER_AUDIT};

        _cleanup_(closep) int far = helper_connect(host, HELPER_SET, SOCK_NONBLOCK);
        if (far < 0)
                return;
        _cleanup_(closep) int fd = packet_memory_make("audit", text, strlen(text));
        if (fd >= 0 && packet_send(far, &request, sizeof(request), fd) < 0)
                return; /* the journal has the text in any case */
}

static int read_acknowledgement(int audit)
{
        _cleanup_(freep) uint8_t *data = malloc(REPLY_SIZE);
        uint16_t type, flags;
        NetlinkSpan payload;

        if (!data)
                return -ENOMEM;
        ssize_t n = TEMP_FAILURE_RETRY(recv(audit, data, REPLY_SIZE, 0));
        if (n < 0)
                return -errno;
        NetlinkSpan rest = {data, (size_t)n};
        int r = netlink_next_message(&rest, &type, &flags, &payload);
        if (r <= 0 || type != NLMSG_ERROR)
                return r < 0 ? r : -EBADMSG;
        return netlink_parse_error(payload);
}

static int record(const char *text, size_t n_text)
{
        const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
        struct nlmsghdr head = {
                .nlmsg_len = (uint32_t)NLMSG_LENGTH(n_text + 1),
                .nlmsg_type = AUDIT_TRUSTED_APP,
                .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
                .nlmsg_seq = 1,
        };
        char padding[NLMSG_ALIGNTO] = "";
        struct iovec parts[] = {
                {.iov_base = &head, .iov_len = NLMSG_HDRLEN},
                {.iov_base = (void *)text, .iov_len = n_text + 1},
                {.iov_base = padding, .iov_len = NLMSG_ALIGN(n_text + 1) - (n_text + 1)},
        };
        struct msghdr message = {
                .msg_name = (void *)&kernel,
                .msg_namelen = sizeof(kernel),
                .msg_iov = parts,
                .msg_iovlen = ARRAY_SIZE(parts),
        };

        _cleanup_(closep) int audit = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
        if (audit < 0)
                return -errno;
        if (TEMP_FAILURE_RETRY(sendmsg(audit, &message, 0)) < 0)
                return -errno;
        return read_acknowledgement(audit);
}

int kernel_audit_serve(const HostPaths *host, const HelperRequest *request, int fd, HelperReply *reply,
                       int *ret_fd)
{
        _cleanup_(freep) void *text = NULL;
        size_t n;

        int r = packet_memory_read(fd, KERNEL_AUDIT_TEXT_MAX, &text, &n);
        return r < 0 ? r : record(text, n);
}
