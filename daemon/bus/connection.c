/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * At start and stop the daemon waits here for answers of the bus daemon. At all other times nothing
 * in this file waits.
 */

#include "daemon/bus/connection.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/probe/cleanup.h"
#include "daemon/base/clock.h"
#include "daemon/base/event.h"
#include "daemon/bus/access/gate.h"
#include "daemon/bus/call/call.h"

#define DEFAULT_PATH "/run/dbus/system_bus_socket"
#define WAIT_USEC (25 * 1000000ULL)
/* Messages in the write queue of sd-bus. */
#define BEHIND 4096

/* Results of RequestName (D-Bus Specification). */
#define NAME_IS_OURS 1
#define NAME_EXISTS 3
#define NAME_WAS_OURS 4

struct Connection {
        struct event_base *base;
        sd_bus *bus;
        Gate *gate;        /* all messages from the bus pass through it */
        int input, output; /* sockets of `bus`, borrowed */
        struct event *io;  /* to read, to write, and for the gate */
        struct event *out;
        struct event *gate_io;
        struct event *timer;
};

/* The path in "unix:path=PATH[,...]", without a percent sign. Returns false for other addresses. */
static bool read_address(const char *address, struct sockaddr_un *ret)
{
        const char *path = address ? address : "unix:path=" DEFAULT_PATH;
        const char *prefix = "unix:path=";

        if (strncmp(path, prefix, strlen(prefix)) != 0)
                return false;
        path += strlen(prefix);
        size_t n = strcspn(path, ",;");
        if (n == 0 || n >= sizeof(ret->sun_path) || memchr(path, '%', n))
                return false;
        *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
        memcpy(ret->sun_path, path, n);
        return true;
}

static int connect_socket(void)
{
        struct sockaddr_un address;

        if (!read_address(secure_getenv("DBUS_SYSTEM_BUS_ADDRESS"), &address))
                return -EAFNOSUPPORT;
        _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* Whether the bus reads more slowly than the daemon sends. */
static bool is_behind(const Connection *connection)
{
        uint64_t n = 0;

        return sd_bus_get_n_queued_write(connection->bus, &n) >= 0 && n >= BEHIND;
}

int connection_read(Connection *connection)
{
        return is_behind(connection) ? 0 : gate_turn(connection->gate);
}

/* `done` NULL: whether the bus has accepted the connection. */
static bool is_over(const Connection *connection, const bool *done)
{
        return done ? *done : sd_bus_is_ready(connection->bus) > 0;
}

/* Turns the connection until `done` is set. Returns 0, -ETIMEDOUT or -errno. */
static int wait_for(Connection *connection, const bool *done)
{
        uint64_t end = clock_usec(CLOCK_MONOTONIC) + WAIT_USEC;

        while (!is_over(connection, done)) {
                uint64_t now = clock_usec(CLOCK_MONOTONIC);
                int r = connection_read(connection);
                int s = r < 0 ? r : sd_bus_process(connection->bus, NULL);
                int events = s < 0 ? s : sd_bus_get_events(connection->bus);

                if (s < 0 || events < 0 || now >= end)
                        return s < 0 ? s : events < 0 ? events : -ETIMEDOUT;
                if (r > 0 || s > 0)
                        continue;
                struct pollfd fds[] = {
                        {.fd = gate_wait_fd(connection->gate),
                         .events =
                                 gate_wait_events(connection->gate) & EV_WRITE ? POLLOUT : POLLIN},
                        {.fd = connection->output, .events = (short)(events & POLLOUT)},
                        {.fd = connection->input, .events = (short)(events & POLLIN)},
                };
                if (poll(fds, ARRAY_SIZE(fds), (int)((end - now) / 1000) + 1) < 0 && errno != EINTR)
                        return -errno;
        }
        return 0;
}

static void on_wake(evutil_socket_t fd, short what, void *userdata)
{
        /* The work is done in bus_turn(), before the loop sleeps again. */
}

static int start_bus(Connection *connection, int fd)
{
        _cleanup_(closep) int output = fd;
        int r = gate_new(fd, &connection->gate);
        if (r < 0)
                return r;
        _cleanup_(closep) int input = gate_take_inner(connection->gate);
        r = sd_bus_new(&connection->bus);
        if (r >= 0)
                r = sd_bus_set_description(connection->bus, "isolationd");
        if (r >= 0)
                r = sd_bus_set_fd(connection->bus, input, output);
        if (r < 0)
                return r;
        connection->input = TAKE_FD(input); /* sd-bus owns both from here on */
        connection->output = TAKE_FD(output);
        r = sd_bus_set_bus_client(connection->bus, true);
        return r < 0 ? r : sd_bus_start(connection->bus);
}

int connection_open(struct event_base *base, Connection **ret_connection)
{
        _cleanup_(connection_closep) Connection *connection = calloc(1, sizeof(*connection));
        if (!connection)
                return -ENOMEM;
        connection->base = base;
        int fd = connect_socket();
        int r = fd < 0 ? fd : start_bus(connection, fd);
        if (r >= 0)
                r = wait_for(connection, NULL);
        if (r < 0)
                return r;
        connection->io = event_new(base, connection->input, EV_READ, on_wake, NULL);
        connection->out = event_new(base, connection->output, EV_WRITE, on_wake, NULL);
        connection->gate_io =
                event_new(base, gate_wait_fd(connection->gate), EV_READ, on_wake, NULL);
        connection->timer = evtimer_new(base, on_wake, NULL);
        if (!connection->io || !connection->out || !connection->gate_io || !connection->timer)
                return -ENOMEM;
        *ret_connection = TAKE_PTR(connection);
        return 0;
}

Connection *connection_close(Connection *connection)
{
        if (!connection)
                return NULL;
        event_freep(&connection->io);
        event_freep(&connection->out);
        event_freep(&connection->gate_io);
        event_freep(&connection->timer);
        sd_bus_flush_close_unref(connection->bus);
        gate_free(connection->gate);
        free(connection);
        return NULL;
}

sd_bus *connection_bus(const Connection *connection)
{
        return connection->bus;
}

/* Waits for `wanted` of a socket, 0 for nothing. */
static int arm_socket(Connection *connection, struct event *event, int fd, short wanted)
{
        (void)event_del(event);
        if (wanted == 0)
                return 0;
        return event_assign(event, connection->base, fd, wanted, on_wake, NULL) < 0 ||
                               event_add(event, NULL) < 0
                       ? -ENOMEM
                       : 0;
}

int connection_arm(Connection *connection, bool at_once)
{
        uint64_t until = UINT64_MAX;

        int events = sd_bus_get_events(connection->bus);
        int r = sd_bus_get_timeout(connection->bus, &until);
        if (events < 0 || r < 0)
                return events < 0 ? events : r;
        r = arm_socket(connection, connection->io, connection->input,
                       events & POLLIN ? EV_READ : 0);
        if (r == 0)
                r = arm_socket(connection, connection->out, connection->output,
                               events & POLLOUT ? EV_WRITE : 0);
        if (r == 0)
                r = arm_socket(connection, connection->gate_io, gate_wait_fd(connection->gate),
                               is_behind(connection) ? 0 : gate_wait_events(connection->gate));
        if (r < 0)
                return r;

        (void)evtimer_del(connection->timer);
        if (until == UINT64_MAX && !at_once)
                return 0;
        uint64_t now = clock_usec(CLOCK_MONOTONIC);
        return timer_arm(connection->timer, !at_once && until > now ? until - now : 0);
}

/* The answer of the bus daemon to a question. */
typedef struct Answer {
        bool has_come;
        int code; /* 0 or -errno */
        uint32_t result;
} Answer;

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Answer *answer = userdata;

        answer->has_come = true;
        if (sd_bus_message_is_method_error(reply, NULL))
                answer->code = -sd_bus_message_get_errno(reply);
        else
                answer->code =
                        sd_bus_message_read_basic(reply, 'u', &answer->result) > 0 ? 0 : -EBADMSG;
        return 0;
}

int connection_take_name(Connection *connection, const char *name)
{
        _cleanup_(slot_unrefp) sd_bus_slot *slot = NULL;
        Answer answer = {.has_come = false};

        int r = sd_bus_request_name_async(connection->bus, &slot, name, 0, on_answer, &answer);
        if (r >= 0)
                r = wait_for(connection, &answer.has_come);
        if (r < 0 || answer.code < 0)
                return r < 0 ? r : answer.code;
        if (answer.result == NAME_EXISTS)
                return -EEXIST;
        return answer.result == NAME_IS_OURS || answer.result == NAME_WAS_OURS ? 0 : -EIO;
}

int connection_leave_name(Connection *connection, const char *name)
{
        _cleanup_(slot_unrefp) sd_bus_slot *slot = NULL;
        Answer answer = {.has_come = false};

        int r = sd_bus_release_name_async(connection->bus, &slot, name, on_answer, &answer);
        if (r >= 0)
                r = wait_for(connection, &answer.has_come);
        return r < 0 ? r : answer.code;
}
