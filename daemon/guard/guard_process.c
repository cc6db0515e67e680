/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The daemon's side: a packet socket that carries reports. The guard process ends when the daemon
 * closes it.
 */

#include "daemon/base/event.h"
#include "daemon/guard/guard_process.h"

#include <errno.h>
#include <sys/socket.h>

#include "core/probe/cleanup.h"
#include "daemon/guard/watch.h"
#include "daemon/host/child.h"
#include "daemon/host/helper.h"

/* Reports that one call of the event loop handles; the loop calls again for the rest. */
#define REPORTS_PER_WAKE 64

struct GuardProcess {
        int socket;
        struct event *event;
        GuardProcessHandler handler;
};

static void on_readable(evutil_socket_t fd, short what, void *userdata)
{
        GuardProcess *process = userdata;

        for (int i = 0; i < REPORTS_PER_WAKE; i++) {
                GuardReport report;

                ssize_t n = recv(process->socket, &report, sizeof(report), MSG_DONTWAIT);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return;
                if (n <= 0) {
                        process->handler.ended(process, process->handler.userdata);
                        guard_process_free(process);
                        return;
                }
                if (n != (ssize_t)sizeof(report))
                        continue;
                report.text[sizeof(report.text) - 1] = '\0';
                process->handler.report(&report, process->handler.userdata);
        }
}

/* Takes over one end of a socket whose other end belongs to a guard process, now or soon. */
static int hear(struct event_base *base, int fd, const GuardProcessHandler *handler,
                GuardProcess **ret_process)
{
        _cleanup_(closep) int socket_fd = fd;
        _cleanup_(guard_process_freep) GuardProcess *process = calloc(1, sizeof(*process));
        if (!process)
                return -ENOMEM;
        process->handler = *handler;
        process->socket = TAKE_FD(socket_fd);
        int r = event_watch(&process->event, base, process->socket, EV_READ | EV_PERSIST,
                            on_readable, process);
        if (r < 0)
                return r;
        *ret_process = TAKE_PTR(process);
        return 0;
}

int guard_process_start_helper(struct event_base *base, const GuardOrders *orders,
                               const GuardProcessHandler *handler, GuardProcess **ret_process)
{
        _cleanup_(closep) int fd = helper_connect(&orders->host, HELPER_WATCH, SOCK_NONBLOCK);
        if (fd < 0)
                return fd;
        int r = watch_order(orders, fd);
        return r < 0 ? r : hear(base, TAKE_FD(fd), handler, ret_process);
}

int guard_process_start(struct event_base *base, const GuardOrders *orders,
                        const GuardProcessHandler *handler, GuardProcess **ret_process)
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
        return hear(base, TAKE_FD(near), handler, ret_process);
}

void guard_process_retire(GuardProcess *process)
{
        (void)shutdown(process->socket, SHUT_WR);
}

GuardProcess *guard_process_free(GuardProcess *process)
{
        if (!process)
                return NULL;
        event_freep(&process->event);
        closep(&process->socket);
        free(process);
        return NULL;
}
