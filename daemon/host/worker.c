/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Fork, run, report over a packet socket, exit; a pidfd tells the parent of the exit.
 *
 * The packets: one per fd ('F', its name, the fd as ancillary data), then one result ('R', the
 * code, the message). The parent reads the socket when it is readable, and once more after the
 * exit.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "daemon/base/event.h"
#include "daemon/host/child.h"
#include "daemon/host/packet.h"
#include "daemon/host/worker.h"

#define PACKET_TEXT_SIZE 4096

typedef struct Packet {
        char type; /* 'F' or 'R' */
        int32_t code;
        char text[PACKET_TEXT_SIZE];
} Packet;

struct Worker {
        pid_t pid;
        int pid_fd;
        int socket;
        bool heard;   /* a result came */
        bool lost_fd; /* a reported fd is missing */
        int code;
        char *message;
        VfioFds fds;
        WorkerHandler handler;
        struct event *socket_event;
        struct event *exit_event;
        struct event *deadline_event;
};

/* A worker must not run before the parent watches it: wait for the parent's go-ahead. */
static bool is_told_to_start(int socket_fd)
{
        char go;

        return TEMP_FAILURE_RETRY(recv(socket_fd, &go, sizeof(go), 0)) == sizeof(go);
}

static _Noreturn void child_run(WorkerJob job, const void *context, const VfioFds *given,
                                int socket_fd)
{
        VfioFds fds = *given;
        char *message = NULL;
        Packet packet = {.type = 'F'};
        int keep[VFIO_FDS_MAX + 1] = {socket_fd};

        for (size_t i = 0; i < fds.n_items; i++)
                keep[i + 1] = fds.items[i].fd;
        child_settle(keep, fds.n_items + 1);
        if (!is_told_to_start(socket_fd))
                _exit(1);

        int code = job(context, &fds, &message);
        for (size_t i = 0; code == 0 && i < fds.n_items; i++) {
                (void)snprintf(packet.text, sizeof(packet.text), "%s", fds.items[i].name);
                int r = packet_send(socket_fd, &packet, sizeof(packet), fds.items[i].fd);
                if (r < 0)
                        code = REFUSAL_STUCK; /* the work is done, but its fds cannot be sent */
        }
        packet.type = 'R';
        packet.code = code;
        (void)snprintf(packet.text, sizeof(packet.text), "%s", message ? message : "");
        _exit(packet_send(socket_fd, &packet, sizeof(packet), -1) < 0 ? 1 : 0);
}

static void take_packet(Worker *worker, const Packet *packet, int fd)
{
        if (packet->type == 'R') {
                free(worker->message);
                worker->message = strdup(packet->text);
                worker->code = packet->code;
                worker->heard = true;
        } else if (fd >= 0 && worker->fds.n_items < VFIO_FDS_MAX) {
                VfioFd *item = &worker->fds.items[worker->fds.n_items++];
                (void)snprintf(item->name, sizeof(item->name), "%.47s", packet->text);
                item->fd = fd;
                return;
        } else {
                worker->lost_fd = true;
        }
        closep(&fd);
}

/* Reads all queued packets; a worker sends at most its fds and a result. */
static void drain(Worker *worker)
{
        Packet packet;
        int fd = -1;

        for (size_t i = 0; i <= VFIO_FDS_MAX; i++) {
                if (packet_receive(worker->socket, &packet, sizeof(packet), MSG_DONTWAIT, &fd) <= 0)
                        return;
                packet.text[sizeof(packet.text) - 1] = '\0';
                take_packet(worker, &packet, fd);
        }
}

static void on_socket(evutil_socket_t fd, short what, void *userdata)
{
        Worker *worker = userdata;

        drain(worker);
        /* Only the end of the stream follows the result. */
        if (worker->heard)
                (void)event_del(worker->socket_event);
}

static void on_deadline(evutil_socket_t fd, short what, void *userdata)
{
        Worker *worker = userdata;

        if (worker->handler.overdue)
                worker->handler.overdue(worker->handler.userdata);
        else
                worker_kill(worker);
}

static void on_exit_seen(evutil_socket_t fd, short what, void *userdata)
{
        _cleanup_(worker_freep) Worker *worker = userdata;

        drain(worker);
        (void)waitpid(worker->pid, NULL, WNOHANG);
        WorkerResult result = {
                .code = worker->heard && !worker->lost_fd ? worker->code : (int)REFUSAL_STUCK,
                .message = worker->lost_fd   ? "a file descriptor was lost between processes"
                           : worker->message ? worker->message
                           : worker->heard   ? ""
                                             : "the worker process died before it was done",
                .fds = &worker->fds,
        };
        worker->handler.done(&result, worker->handler.userdata);
}

int worker_send(VfioFds *fds, const void *data, size_t n)
{
        int fd = packet_memory_make("answer", data, n);
        if (fd < 0)
                return fd;
        fds->items[0] = (VfioFd){.name = "answer", .fd = fd};
        fds->n_items = 1;
        return 0;
}

int worker_receive(const WorkerResult *result, size_t max, char **ret, size_t *ret_n)
{
        void *data;

        if (result->fds->n_items != 1)
                return -EBADMSG;
        int r = packet_memory_read(result->fds->items[0].fd, max, &data, ret_n);
        if (r == 0)
                *ret = data;
        return r;
}

static int watch(Worker *worker, struct event_base *base, unsigned deadline_seconds)
{
        int r = event_watch(&worker->socket_event, base, worker->socket, EV_READ | EV_PERSIST,
                            on_socket, worker);
        if (r == 0)
                r = event_watch(&worker->exit_event, base, worker->pid_fd, EV_READ, on_exit_seen,
                                worker);
        return r < 0 ? r
                     : timer_start(&worker->deadline_event, base, on_deadline, worker,
                                   deadline_seconds * USEC_PER_SEC);
}

int worker_start(struct event_base *base, WorkerJob job, const void *context, const VfioFds *fds,
                 unsigned deadline_seconds, const WorkerHandler *handler, Worker **ret_worker)
{
        static const VfioFds no_fds = {.n_items = 0};
        int sockets[2];

        _cleanup_(worker_freep) Worker *worker = calloc(1, sizeof(*worker));
        if (!worker)
                return -ENOMEM;
        worker->pid = worker->pid_fd = worker->socket = -1;
        worker->handler = *handler;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
                return -errno;
        worker->socket = sockets[0];
        _cleanup_(closep) int child_socket = sockets[1];

        worker->pid = fork();
        if (worker->pid < 0)
                return -errno;
        if (worker->pid == 0)
                child_run(job, context, fds ? fds : &no_fds, child_socket);

        worker->pid_fd = (int)syscall(SYS_pidfd_open, worker->pid, 0);
        int r = worker->pid_fd < 0 ? -errno : watch(worker, base, deadline_seconds);
        if (r == 0 && send(worker->socket, "", 1, MSG_NOSIGNAL) != 1)
                r = -errno;
        if (r < 0)
                return r; /* the socket closes, the child exits, main reaps it */
        *ret_worker = TAKE_PTR(worker);
        return 0;
}

pid_t worker_pid(const Worker *worker)
{
        return worker->pid;
}

void worker_kill(Worker *worker)
{
        (void)syscall(SYS_pidfd_send_signal, worker->pid_fd, SIGKILL, NULL, 0);
}

Worker *worker_free(Worker *worker)
{
        if (!worker)
                return NULL;
        event_freep(&worker->socket_event);
        event_freep(&worker->exit_event);
        event_freep(&worker->deadline_event);
        vfio_fds_close(&worker->fds);
        closep(&worker->socket);
        closep(&worker->pid_fd);
        free(worker->message);
        free(worker);
        return NULL;
}
