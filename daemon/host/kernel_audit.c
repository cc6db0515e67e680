/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One message of netlink(7)'s audit family, type AUDIT_TRUSTED_APP, and its acknowledgement. */

#include "daemon/host/kernel_audit.h"

#include <errno.h>
#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/host/netlink.h"
#include "daemon/host/packet.h"

/* A message type for a program's own text. User space assigns those above AUDIT_FIRST_USER_MSG. */
#define AUDIT_TRUSTED_APP (AUDIT_FIRST_USER_MSG + 21)

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

static int record(const char *text, size_t n_text)
{
        _cleanup_(freep) void *buffer = malloc(NETLINK_SIZE);

        if (!buffer)
                return -ENOMEM;
        struct nlmsghdr *message = netlink_begin(buffer, AUDIT_TRUSTED_APP, NLM_F_ACK, n_text + 1);
        message->nlmsg_seq = 1;
        memcpy(mnl_nlmsg_get_payload(message), text, n_text);
        ssize_t n = netlink_ask(NETLINK_AUDIT, buffer, 0);
        return n < 0 ? (int)n : netlink_parse_ack(buffer, (size_t)n);
}

int kernel_audit_serve(const HostPaths *host, const HelperRequest *request, int fd, HelperReply *reply,
                       int *ret_fd)
{
        _cleanup_(freep) void *text = NULL;
        size_t n;

        int r = packet_memory_read(fd, KERNEL_AUDIT_TEXT_MAX, &text, &n);
        return r < 0 ? r : record(text, n);
}
