/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One connection, one request, one reply. */

#include "daemon/host/helper.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/host/packet.h"

static const char *const role_names[_HELPER_ROLE_N] = {
        [HELPER_LOOK] = "look",
        [HELPER_SET] = "set",
        [HELPER_WATCH] = "watch",
};

const char *helper_role_to_string(HelperRole role)
{
        return role_names[role];
}

int helper_connect(const HostPaths *host, HelperRole role, int flags)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        if (!host->helpers)
                return -ENOENT;
        int n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", host->helpers,
                         role_names[role]);
        if (n < 0 || (size_t)n >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
                return TAKE_FD(fd);
        return errno == ECONNREFUSED ? -ENOENT : -errno;
}

int helper_ask(const HostPaths *host, HelperRole role, HelperRequest *request, int fd, HelperReply *reply,
             int *ret_fd)
{
        *ret_fd = -1;
        _cleanup_(closep) int far = helper_connect(host, role, 0);
        if (far == -ENOENT)
                return HELPER_NONE;
        if (far < 0)
                return far;
        request->version = HELPER_VERSION;
        int r = packet_send(far, request, sizeof(*request), fd);
        if (r < 0)
                return r;
        r = packet_receive(far, reply, sizeof(*reply), 0, ret_fd);
        reply->message[sizeof(reply->message) - 1] = '\0';
        return r > 0 ? 0 : r < 0 ? r : -EPIPE;
}

int helper_have_done(const HostPaths *host, HelperRole role, HelperServe serve,
                     HelperRequest *request, int fd, HelperReply *reply)
{
        _cleanup_(closep) int no_fd = -1;

        int r = helper_ask(host, role, request, fd, reply, &no_fd);
        if (r == HELPER_NONE)
                return serve(host, request, fd, reply, &no_fd);
        return r < 0 ? r : reply->code;
}
