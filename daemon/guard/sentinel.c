/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon's side: a packet socket, on which reports come, and whose shutting is the order to go.
 */

#include "daemon/guard/sentinel.h"

#include <errno.h>
#include <sys/socket.h>

#include "core/probe/cleanup.h"
#include "daemon/guard/watch.h"
#include "daemon/host/aide.h"
#include "daemon/host/child.h"

/* Reports taken in one turn of the loop, which comes back for the rest. */
#define REPORTS_PER_WAKE 64

struct Sentinel {
        int socket;
        struct event *event;
        SentinelHandler handler;
};

static void on_readable(evutil_socket_t fd, short what, void *userdata)
{
        Sentinel *sentinel = userdata;

        for (int i = 0; i < REPORTS_PER_WAKE; i++) {
                SentinelReport report;

                ssize_t n = recv(sentinel->socket, &report, sizeof(report), MSG_DONTWAIT);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return;
                if (n <= 0) {
                        sentinel->handler.ended(sentinel, sentinel->handler.userdata);
                        sentinel_free(sentinel);
                        return;
                }
                if (n != (ssize_t)sizeof(report))
                        continue;
                report.text[sizeof(report.text) - 1] = '\0';
                sentinel->handler.report(&report, sentinel->handler.userdata);
        }
}

/* Takes over one end of a socket; at the other one there is a sentinel, or will be. */
static int hear(struct event_base *base, int fd, const SentinelHandler *handler,
                Sentinel **ret_sentinel)
{
        _cleanup_(closep) int socket_fd = fd;
        _cleanup_(sentinel_freep) Sentinel *sentinel = calloc(1, sizeof(*sentinel));
        if (!sentinel)
                return -ENOMEM;
        sentinel->handler = *handler;
        sentinel->socket = TAKE_FD(socket_fd);
        sentinel->event = event_new(base, sentinel->socket, EV_READ | EV_PERSIST, on_readable,
                                    sentinel);
        if (!sentinel->event || event_add(sentinel->event, NULL) < 0)
                return -ENOMEM;
        *ret_sentinel = TAKE_PTR(sentinel);
        return 0;
}

int sentinel_start_aide(struct event_base *base, const SentinelOrders *orders,
                        const SentinelHandler *handler, Sentinel **ret_sentinel)
{
        _cleanup_(closep) int fd = aide_connect(&orders->host, AIDE_WATCH, SOCK_NONBLOCK);
        if (fd < 0)
                return fd;
        int r = watch_order(orders, fd);
        return r < 0 ? r : hear(base, TAKE_FD(fd), handler, ret_sentinel);
}

int sentinel_start(struct event_base *base, const SentinelOrders *orders,
                   const SentinelHandler *handler, Sentinel **ret_sentinel)
{
        int sockets[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
                return -errno;
        _cleanup_(closep) int near = sockets[0];
        _cleanup_(closep) int far = sockets[1];
        pid_t pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                child_settle(&far, 1);
                watch_run(orders, far);
        }
        return hear(base, TAKE_FD(near), handler, ret_sentinel);
}

void sentinel_retire(Sentinel *sentinel)
{
        (void)shutdown(sentinel->socket, SHUT_WR);
}

Sentinel *sentinel_free(Sentinel *sentinel)
{
        if (!sentinel)
                return NULL;
        if (sentinel->event)
                event_free(sentinel->event);
        closep(&sentinel->socket);
        free(sentinel);
        return NULL;
}
