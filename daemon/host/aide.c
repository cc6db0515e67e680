/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One connection, one request, one reply. */

#include "daemon/host/aide.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/host/packet.h"

static const char *const role_names[_AIDE_ROLE_N] = {
        [AIDE_LOOK] = "look",
        [AIDE_SET] = "set",
        [AIDE_WATCH] = "watch",
};

const char *aide_role_to_string(AideRole role)
{
        return role_names[role];
}

int aide_connect(const HostPaths *host, AideRole role, int flags)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        if (!host->aides)
                return -ENOENT;
        int n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", host->aides,
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

int aide_ask(const HostPaths *host, AideRole role, AideRequest *request, int fd, AideReply *reply,
             int *ret_fd)
{
        *ret_fd = -1;
        _cleanup_(closep) int far = aide_connect(host, role, 0);
        if (far == -ENOENT)
                return AIDE_NONE;
        if (far < 0)
                return far;
        request->version = AIDE_VERSION;
        int r = packet_send(far, request, sizeof(*request), fd);
        if (r < 0)
                return r;
        r = packet_receive(far, reply, sizeof(*reply), 0, ret_fd);
        reply->message[sizeof(reply->message) - 1] = '\0';
        return r > 0 ? 0 : r < 0 ? r : -EPIPE;
}
