/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Nothing unnecessary happens between the kernel's message and the written override. A socket
 * filter in the kernel drops other events. Paths are compared in the form that the message has.
 */

#include "daemon/guard/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "core/model/strength.h"
#include "core/model/uevent.h"
#include "core/probe/cleanup.h"
#include "daemon/guard/gate.h"
#include "daemon/host/block.h"
#include "daemon/host/driver.h"

/* Bytes of kernel buffer, as for the daemon's own socket. */
#define RECEIVE_BUFFER (4 * 1024 * 1024)
#define KERNEL_GROUP 1 /* of netlink: the kernel's own events */

typedef struct Watch {
        const GuardOrders *orders;
        int socket;  /* to the daemon */
        int netlink; /* from the kernel */
        int admit_pipe; /* to the admitting process, or -1 */
        bool owes_lost; /* a GUARD_REPORT_LOST is still to be sent */
} Watch;

/*
 * Never waits for a daemon that does not read. A report that does not fit is dropped, and
 * GUARD_REPORT_LOST is sent when there is room again.
 */
static void tell(Watch *watch, const GuardReport *report)
{
        const GuardReport lost = {.kind = GUARD_REPORT_LOST};

        if (watch->owes_lost)
                watch->owes_lost = !watch_report(watch->socket, &lost, MSG_DONTWAIT);
        if (report && !watch_report(watch->socket, report, MSG_DONTWAIT))
                watch->owes_lost = true;
}

/* --- the kernel's events ---------------------------------------------------------------------- */

/* Passes only messages that begin with "add@" or "bind", so that others do not wake the process. */
static int filter(int fd)
{
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x61646440, 1, 0), /* "add@" */
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x62696e64, 0, 1), /* "bind" */
                BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
                BPF_STMT(BPF_RET | BPF_K, 0),
        };
        const struct sock_fprog program = {.len = ARRAY_SIZE(code), .filter = code};

        return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
                                                                                           : 0;
}

static int listen_to_kernel(int *ret_fd)
{
        const struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP};
        const int size = RECEIVE_BUFFER;

        _cleanup_(closep) int fd =
                socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
        if (fd < 0)
                return -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 &&
            setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0)
                return -errno;
        int r = filter(fd);
        if (r == 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                r = -errno;
        if (r == 0)
                *ret_fd = TAKE_FD(fd);
        return r;
}

/*
 * Receives one whole message from the kernel, NUL-ended. Returns its length, 0 for a message to be
 * ignored, or -errno.
 */
static ssize_t receive(int fd, char message[static UEVENT_SIZE])
{
        struct sockaddr_nl sender = {.nl_pid = 1};
        struct iovec iov = {.iov_base = message, .iov_len = UEVENT_SIZE - 1};
        struct msghdr header = {
                .msg_name = &sender,
                .msg_namelen = sizeof(sender),
                .msg_iov = &iov,
                .msg_iovlen = 1,
        };

        ssize_t n = recvmsg(fd, &header, 0);
        if (n < 0)
                return errno == EINTR ? 0 : -errno;
        if (sender.nl_pid != 0 || header.msg_flags & MSG_TRUNC)
                return 0;
        message[n] = '\0';
        return n;
}

/* --- what is ours ----------------------------------------------------------------------------- */

/* Whether the override is unset, as read now. */
static bool is_unset(int fd)
{
        char text[sizeof(DRIVER_OVERRIDE_NONE)];

        ssize_t n = pread(fd, text, sizeof(text), 0);
        return n <= 1 || (n == sizeof(text) &&
                          strncmp(text, DRIVER_OVERRIDE_NONE, strlen(DRIVER_OVERRIDE_NONE)) == 0);
}

/* Writes the override, unless another one is set, and reads it back. */
static int block(const char *path)
{
        _cleanup_(closep) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;
        if (!is_unset(fd))
                return 0;
        if (pwrite(fd, BLOCK_OVERRIDE, strlen(BLOCK_OVERRIDE), 0) < 0)
                return -errno;
        return is_unset(fd) ? -EIO : 0;
}

static void on_ours(Watch *watch, const Uevent *event, uint64_t since)
{
        GuardReport report = {.kind = GUARD_REPORT_BLOCKED, .bdf = event->bdf};
        _cleanup_(freep) char *driver = NULL;
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s%s/driver_override", watch->orders->host.sysfs,
                       event->path);
        report.code = block(path);
        report.nsec = watch_now() - since;
        if (report.code == -ENOENT)
                return; /* the function is gone */
        if (report.code < 0)
                report.kind = GUARD_REPORT_REFUSED;
        if (driver_read(&watch->orders->host, event->bdf, &driver) == 0 &&
            !driver_is_harmless(driver))
                (void)snprintf(report.text, sizeof(report.text), "%s", driver);
        tell(watch, &report);
}

static void on_bound(Watch *watch, const Uevent *event, uint64_t since)
{
        GuardReport report = {.kind = GUARD_REPORT_BOUND, .bdf = event->bdf};

        if (driver_is_harmless(event->driver))
                return;
        report.nsec = watch_now() - since;
        (void)snprintf(report.text, sizeof(report.text), "%s", event->driver);
        tell(watch, &report);
}

/* --- what is everybody else's ----------------------------------------------------------------- */

static void lose(Watch *watch)
{
        watch->owes_lost = true;
        tell(watch, NULL);
}

static void send_admit_task(Watch *watch, const Uevent *event, uint64_t since)
{
        AdmitTask task = {
                .is_driver = event->kind == UEVENT_DRIVER_ADDED,
                .bdf = event->bdf,
                .since = since,
        };

        if (watch->admit_pipe < 0)
                return;
        (void)snprintf(task.driver, sizeof(task.driver), "%s", event->driver);
        /*
         * If the admitting process hangs, the pipe fills up. The daemon lets the function in later.
         */
        if (TEMP_FAILURE_RETRY(write(watch->admit_pipe, &task, sizeof(task))) !=
            (ssize_t)sizeof(task))
                lose(watch);
}

static void on_event(Watch *watch, const char *message, size_t n)
{
        uint64_t since = watch_now();
        Uevent event;

        uevent_parse(message, n, &event);
        bool ours = event.path[0] && !event.is_bridge &&
                    places_contain(&watch->orders->places, event.path);
        switch (event.kind) {
        case UEVENT_FUNCTION_ADDED:
                if (ours)
                        on_ours(watch, &event, since);
                else
                        send_admit_task(watch, &event, since);
                return;
        case UEVENT_FUNCTION_BOUND:
                if (ours)
                        on_bound(watch, &event, since);
                return;
        case UEVENT_DRIVER_ADDED:
                send_admit_task(watch, &event, since);
                return;
        case UEVENT_OTHER:
                return;
        }
}

/* --- the process ------------------------------------------------------------------------------ */

/*
 * Asks for real-time priority and locked memory, or keeps them if they are set. Without them the
 * guard process is only slower.
 */
static void raise_priority(char *text, size_t n_text)
{
        const struct sched_param parameters = {.sched_priority =
                                                       sched_get_priority_min(SCHED_FIFO)};
        bool first = (sched_getscheduler(0) & ~SCHED_RESET_ON_FORK) == SCHED_FIFO ||
                     sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters) == 0;
        bool locked = mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;

        (void)snprintf(text, n_text, "%s, %s", first ? "real-time priority" : "no priority",
                       locked ? "locked memory" : "memory not locked");
}

static int start_admitting(Watch *watch)
{
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        _cleanup_(closep) int from = ends[0];
        _cleanup_(closep) int to = ends[1];
        pid_t pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                closep(&to);
                closep(&watch->netlink);
                admit_run(watch->orders, from, watch->socket);
        }
        if (fcntl(to, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        watch->admit_pipe = TAKE_FD(to);
        return 0;
}

/*
 * The daemon sends nothing after the orders, so any event on the socket means that the daemon has
 * ended or has closed it.
 */
static bool is_wanted(const Watch *watch)
{
        struct pollfd event = {.fd = watch->socket, .events = POLLIN | POLLRDHUP};

        return poll(&event, 1, 0) == 0;
}

static int shut_gate(const Watch *watch, char **ret_message)
{
        _cleanup_(closep) int lock = -1;

        int r = gate_lock(&watch->orders->host, &lock);
        if (r < 0)
                return r;
        return is_wanted(watch) ? gate_write(&watch->orders->host, false, ret_message) : -EPIPE;
}

static void prepare(Watch *watch, GuardReport *report)
{
        _cleanup_(freep) char *message = NULL;
        int r = listen_to_kernel(&watch->netlink);

        if (r == 0 && watch->orders->gate)
                r = start_admitting(watch);
        raise_priority(report->text, sizeof(report->text));
        if (r == 0 && watch->orders->gate)
                r = shut_gate(watch, &message);
        report->kind = r == 0 ? GUARD_REPORT_READY : GUARD_REPORT_FAILED;
        if (r != 0)
                (void)snprintf(report->text, sizeof(report->text), "%s",
                               message ? message : strerror(r < 0 ? -r : EIO));
}

/* Handles all events that are pending. Returns whether the netlink socket still works. */
static bool drain(Watch *watch)
{
        char message[UEVENT_SIZE];

        for (;;) {
                ssize_t n = receive(watch->netlink, message);

                if (n > 0)
                        on_event(watch, message, (size_t)n);
                else if (n == -EAGAIN)
                        return true;
                else if (n == -ENOBUFS)
                        lose(watch);
                else if (n < 0)
                        return false;
        }
}

_Noreturn void watch_run(const GuardOrders *orders, int socket_fd)
{
        Watch watch = {.orders = orders, .socket = socket_fd, .netlink = -1, .admit_pipe = -1};
        GuardReport report = {.code = 0};

        (void)prctl(PR_SET_NAME, "isolation-watch");
        prepare(&watch, &report);
        if (!watch_report(socket_fd, &report, 0) || report.kind == GUARD_REPORT_FAILED)
                _exit(1);

        struct pollfd fds[] = {
                {.fd = watch.netlink, .events = POLLIN},
                {.fd = socket_fd, .events = POLLIN},
        };
        for (;;) {
                fds[1].events = watch.owes_lost ? POLLIN | POLLOUT : POLLIN;
                if (poll(fds, ARRAY_SIZE(fds), -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        break;
                }
                if (fds[0].revents && !drain(&watch))
                        _exit(1);
                if (watch.owes_lost)
                        tell(&watch, NULL);
                if (fds[1].revents & ~POLLOUT)
                        break;
        }
        _exit(0);
}
