/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* isolationd-helper ROLE: does for the daemon what the daemon itself has no right to do. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>

#include "daemon/guard/watch.h"
#include "daemon/host/child.h"
#include "daemon/host/exclusive.h"
#include "daemon/host/holders.h"
#include "daemon/host/iommu_group.h"
#include "daemon/host/kernel_audit.h"
#include "daemon/host/memlock.h"
#include "daemon/host/packet.h"

/* Ends after that time without a request. */
#define IDLE_MSEC 30000
/* Requests served at once; more wait in the queue of the socket. */
#define CHILDREN_MAX 64

static const struct {
        HelperRole role;
        bool with_fd;
        HelperServe serve;
} tasks[_HELPER_TASK_N] = {
        [HELPER_FIND] = {HELPER_LOOK, true, holders_serve},
        [HELPER_KILL] = {HELPER_LOOK, true, holders_serve},
        [HELPER_SET_TYPE] = {HELPER_SET, false, iommu_group_serve},
        [HELPER_COUNT_BY_PROCESS] = {HELPER_SET, true, vfio_serve_count},
        [HELPER_AUDIT] = {HELPER_SET, true, kernel_audit_serve},
        [HELPER_SET_MEMLOCK] = {HELPER_SET, true, memlock_serve},
        [HELPER_EXCLUSIVE] = {HELPER_LOOK, true, exclusive_serve},
};

static int serve(const HostPaths *host, HelperRole role, const HelperRequest *request, int fd,
                 HelperReply *reply, int *ret_fd)
{
        if (request->version != HELPER_VERSION || request->task >= _HELPER_TASK_N)
                return -EPROTO;
        if (tasks[request->task].role != role)
                return -EPERM;
        if (tasks[request->task].with_fd != (fd >= 0))
                return -EBADMSG;
        return tasks[request->task].serve(host, request, fd, reply, ret_fd);
}

/* Whether the peer is root. Only root may open the socket; this checks again. */
static bool is_ours(int connection)
{
        struct ucred peer;
        socklen_t n = sizeof(peer);

        return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
               peer.uid == geteuid();
}

static _Noreturn void answer(HelperRole role, int connection)
{
        const HostPaths host = HOST_PATHS_LIVE;
        HelperRequest request;
        HelperReply reply = {.code = 0};
        int fd = -1, back = -1;

        child_settle(&connection, 1);
        if (!is_ours(connection) ||
            packet_receive(connection, &request, sizeof(request), 0, &fd) <= 0)
                _exit(1);
        request.text[sizeof(request.text) - 1] = '\0';
        reply.code = serve(&host, role, &request, fd, &reply, &back);
        _exit(packet_send(connection, &reply, sizeof(reply), back) < 0 ? 1 : 0);
}

/*
 * Reaps children that have ended, and returns whether any is left. Without WNOHANG it waits for
 * one.
 */
static bool reap(size_t *n_children, int flags)
{
        while (*n_children > 0) {
                pid_t pid = waitpid(-1, NULL, flags);

                if (pid <= 0)
                        break;
                (*n_children)--;
                flags = WNOHANG;
        }
        return *n_children > 0;
}

static int listen_for(HelperRole role)
{
        size_t n_children = 0;

        if (sd_listen_fds(1) != 1) {
                (void)fprintf(stderr,
                              "isolationd-helper: the service manager starts it, with a socket\n");
                return 2;
        }
        for (;;) {
                struct pollfd event = {.fd = SD_LISTEN_FDS_START, .events = POLLIN};
                bool busy = reap(&n_children, n_children >= CHILDREN_MAX ? 0 : WNOHANG);

                int r = poll(&event, 1, IDLE_MSEC);
                if (r < 0 && errno != EINTR)
                        return 1;
                if (r == 0 && !busy)
                        return 0;
                if (r <= 0)
                        continue;
                _cleanup_(closep) int connection =
                        accept4(SD_LISTEN_FDS_START, NULL, NULL, SOCK_CLOEXEC);
                pid_t pid = connection < 0 ? -1 : fork();
                if (pid == 0)
                        answer(role, connection);
                n_children += pid > 0;
        }
}

int main(int argc, char **argv)
{
        HostPaths host = HOST_PATHS_LIVE;
        const char *name = argc == 2 ? argv[1] : "";

        for (HelperRole role = 0; role < _HELPER_ROLE_N; role++)
                if (strcmp(name, helper_role_to_string(role)) == 0) {
                        if (role != HELPER_WATCH)
                                return listen_for(role);
                        host.helpers = HELPER_DIRECTORY; /* for the gate's lock */
                        watch_serve(&host, STDIN_FILENO);
                }
        (void)fprintf(stderr,
                      "isolationd-helper: look, set or watch, not '%s'; the service manager "
                      "starts it\n",
                      name);
        return 2;
}
