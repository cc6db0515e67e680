/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * From the kernel's message to the written override there is nothing that is not needed: a filter
 * in the kernel keeps other events away, and the paths are compared as they are in the message.
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
        int errands; /* to the usher, or -1 */
        bool owes;   /* the daemon does not know yet that something was lost */
} Watch;

/* Never waits for a daemon that does not listen: it hears later that there was more. */
static void tell(Watch *watch, const GuardReport *report)
{
        const GuardReport lost = {.kind = GUARD_REPORT_LOST};

        if (watch->owes)
                watch->owes = !watch_report(watch->socket, &lost, MSG_DONTWAIT);
        if (report && !watch_report(watch->socket, report, MSG_DONTWAIT))
                watch->owes = true;
}

/* --- the kernel's events ---------------------------------------------------------------------- */

/* Lets pass what begins with "add@" or "bind": nobody is woken for the rest. */
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

/* One whole message of the kernel's, NUL-ended. Returns its length, 0 for none of use, or -errno.
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

/* Is the override unset, as read now? */
static bool is_unset(int fd)
{
        char text[sizeof(DRIVER_OVERRIDE_NONE)];

        ssize_t n = pread(fd, text, sizeof(text), 0);
        return n <= 1 || (n == sizeof(text) &&
                          strncmp(text, DRIVER_OVERRIDE_NONE, strlen(DRIVER_OVERRIDE_NONE)) == 0);
}

/* Writes the override unless somebody has set another one, and reads it back. */
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
                return; /* it is gone */
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
        watch->owes = true;
        tell(watch, NULL);
}

static void send_usher(Watch *watch, const Uevent *event, uint64_t since)
{
        AdmitTask errand = {
                .is_driver = event->kind == UEVENT_DRIVER_ADDED,
                .bdf = event->bdf,
                .since = since,
        };

        if (watch->errands < 0)
                return;
        (void)snprintf(errand.driver, sizeof(errand.driver), "%s", event->driver);
        /* If the usher hangs and the pipe is full, others see to it later. */
        if (TEMP_FAILURE_RETRY(write(watch->errands, &errand, sizeof(errand))) !=
            (ssize_t)sizeof(errand))
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
                        send_usher(watch, &event, since);
                return;
        case UEVENT_FUNCTION_BOUND:
                if (ours)
                        on_bound(watch, &event, since);
                return;
        case UEVENT_DRIVER_ADDED:
                send_usher(watch, &event, since);
                return;
        case UEVENT_OTHER:
                return;
        }
}

/* --- the process ------------------------------------------------------------------------------ */

/* As quick as the system allows, or allowed before; without it, the sentinel is only slower. */
static void hurry(char *text, size_t n_text)
{
        const struct sched_param parameters = {.sched_priority =
                                                       sched_get_priority_min(SCHED_FIFO)};
        bool first = (sched_getscheduler(0) & ~SCHED_RESET_ON_FORK) == SCHED_FIFO ||
                     sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters) == 0;
        bool locked = mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;

        (void)snprintf(text, n_text, "%s, %s", first ? "real-time priority" : "no priority",
                       locked ? "locked memory" : "memory not locked");
}

static int start_usher(Watch *watch)
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
        watch->errands = TAKE_FD(to);
        return 0;
}

/* Who gave the orders says no more: what there is to hear now is its end. */
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
                r = start_usher(watch);
        hurry(report->text, sizeof(report->text));
        if (r == 0 && watch->orders->gate)
                r = shut_gate(watch, &message);
        report->kind = r == 0 ? GUARD_REPORT_READY : GUARD_REPORT_FAILED;
        if (r != 0)
                (void)snprintf(report->text, sizeof(report->text), "%s",
                               message ? message : strerror(r < 0 ? -r : EIO));
}

/* Takes all events there are. Returns whether the socket is still of use. */
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
        Watch watch = {.orders = orders, .socket = socket_fd, .netlink = -1, .errands = -1};
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
                fds[1].events = watch.owes ? POLLIN | POLLOUT : POLLIN;
                if (poll(fds, ARRAY_SIZE(fds), -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        break;
                }
                if (fds[0].revents && !drain(&watch))
                        _exit(1);
                if (watch.owes)
                        tell(&watch, NULL);
                if (fds[1].revents & ~POLLOUT)
                        break;
        }
        _exit(0);
}
