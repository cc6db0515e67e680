/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Start and end of the connection, each a question whose answer is waited for here. */

#include "daemon/bus/connection.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/probe/cleanup.h"
#include "daemon/base/clock.h"
#include "daemon/bus/gate.h"

#define DEFAULT_PATH "/run/dbus/system_bus_socket"
#define WAIT_USEC (25 * 1000000ULL)
/* Messages that wait to be written. */
#define BEHIND 4096

/* Results of RequestName (D-Bus Specification). */
#define NAME_IS_OURS 1
#define NAME_EXISTS 3
#define NAME_WAS_OURS 4

/* The path in "unix:path=PATH[,...]"; percent signs in it are not undone. Returns false for others.
 */
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

bool connection_is_behind(const Bus *bus)
{
        uint64_t n = 0;

        return sd_bus_get_n_queued_write(bus->bus, &n) >= 0 && n >= BEHIND;
}

int connection_read(Bus *bus)
{
        return connection_is_behind(bus) ? 0 : gate_turn(bus->gate);
}

/* NULL: the bus has let us in. */
static bool is_over(const Bus *bus, const bool *done)
{
        return done ? *done : sd_bus_is_ready(bus->bus) > 0;
}

/* Turns the connection until `done` is set. Returns 0, -ETIMEDOUT or -errno. */
static int wait_for(Bus *bus, const bool *done)
{
        uint64_t end = clock_usec(CLOCK_MONOTONIC) + WAIT_USEC;

        while (!is_over(bus, done)) {
                uint64_t now = clock_usec(CLOCK_MONOTONIC);
                int r = connection_read(bus);
                int s = r < 0 ? r : sd_bus_process(bus->bus, NULL);
                int events = s < 0 ? s : sd_bus_get_events(bus->bus);

                if (s < 0 || events < 0 || now >= end)
                        return s < 0 ? s : events < 0 ? events : -ETIMEDOUT;
                if (r > 0 || s > 0)
                        continue;
                struct pollfd fds[] = {
                        {.fd = gate_wait_fd(bus->gate),
                         .events = gate_wait_events(bus->gate) & EV_WRITE ? POLLOUT : POLLIN},
                        {.fd = bus->output, .events = (short)(events & POLLOUT)},
                        {.fd = bus->input, .events = (short)(events & POLLIN)},
                };
                if (poll(fds, ARRAY_SIZE(fds), (int)((end - now) / 1000) + 1) < 0 && errno != EINTR)
                        return -errno;
        }
        return 0;
}

int connection_open(Bus *bus)
{
        _cleanup_(closep) int fd = connect_socket();
        if (fd < 0)
                return fd;
        int r = gate_new(fd, &bus->gate);
        if (r < 0)
                return r;
        _cleanup_(closep) int inner = gate_take_inner(bus->gate);
        r = sd_bus_new(&bus->bus);
        if (r >= 0)
                r = sd_bus_set_description(bus->bus, "isolationd");
        if (r >= 0)
                r = sd_bus_set_fd(bus->bus, inner, fd);
        if (r < 0)
                return r;
        bus->input = TAKE_FD(inner); /* both are sd-bus's from here on */
        bus->output = TAKE_FD(fd);
        r = sd_bus_set_bus_client(bus->bus, true);
        if (r >= 0)
                r = sd_bus_start(bus->bus);
        return r < 0 ? r : wait_for(bus, NULL);
}

void connection_close(Bus *bus)
{
        sd_bus_flush_close_unref(bus->bus);
        gate_free(bus->gate);
}

/* An answer of the bus that is waited for. */
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

int connection_take_name(Bus *bus)
{
        _cleanup_(slot_unrefp) sd_bus_slot *slot = NULL;
        Answer answer = {.has_come = false};

        int r = sd_bus_request_name_async(bus->bus, &slot, BUS_NAME, 0, on_answer, &answer);
        if (r >= 0)
                r = wait_for(bus, &answer.has_come);
        if (r < 0 || answer.code < 0)
                return r < 0 ? r : answer.code;
        if (answer.result == NAME_EXISTS)
                return -EEXIST;
        return answer.result == NAME_IS_OURS || answer.result == NAME_WAS_OURS ? 0 : -EIO;
}

int connection_leave_name(Bus *bus)
{
        _cleanup_(slot_unrefp) sd_bus_slot *slot = NULL;
        Answer answer = {.has_come = false};

        int r = sd_bus_release_name_async(bus->bus, &slot, BUS_NAME, on_answer, &answer);
        if (r >= 0)
                r = wait_for(bus, &answer.has_come);
        return r < 0 ? r : answer.code;
}
