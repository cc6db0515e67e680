/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The credentials of a connection, as the bus daemon has them.
 *
 * The kernel gave uid and groups to the bus daemon when the connection was made. /proc would show
 * the process that has the pid now, which may be another one.
 */

#include "daemon/bus/access/credentials.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <systemd/sd-login.h>

#include "daemon/bus/call/reply.h"

#define CALLER_GIDS_MAX 65536 /* NGROUPS_MAX of Linux */

static int read_gids(sd_bus_message *reply, MethodCaller *caller)
{
        const void *data;
        size_t size;

        int r = sd_bus_message_enter_container(reply, 'v', "au");
        if (r < 0)
                return r;
        r = sd_bus_message_read_array(reply, 'u', &data, &size);
        if (r < 0)
                return r;
        size_t n = size / sizeof(uint32_t);
        if (n > CALLER_GIDS_MAX || caller->gids)
                return -EBADMSG;
        caller->gids = calloc(n + 1, sizeof(*caller->gids));
        if (!caller->gids)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                caller->gids[i] = ((const uint32_t *)data)[i];
        caller->n_gids = n;
        return sd_bus_message_exit_container(reply);
}

/* The label is an array of bytes with a NUL at its end (D-Bus specification). */
static int read_label(sd_bus_message *reply, MethodCaller *caller)
{
        const void *data;
        size_t size;

        int r = sd_bus_message_enter_container(reply, 'v', "ay");
        if (r >= 0)
                r = sd_bus_message_read_array(reply, 'y', &data, &size);
        if (r < 0)
                return r;
        free(caller->label);
        caller->label = strndup(data ? data : "", size);
        return caller->label ? sd_bus_message_exit_container(reply) : -ENOMEM;
}

static int read_unit(sd_bus_message *reply, MethodCaller *caller)
{
        uint32_t pid;

        int r = sd_bus_message_read(reply, "v", "u", &pid);
        if (r < 0)
                return r;
        caller->pid = (pid_t)pid;
        if (!caller->unit && sd_pid_get_unit((pid_t)pid, &caller->unit) < 0)
                caller->unit = NULL;
        return 0;
}

/*
 * The kernel may give the pid of an ended process to another one. A descriptor stays with its
 * process.
 */
static bool has_ended(int process)
{
        struct pollfd ended = {.fd = process, .events = POLLIN};

        return poll(&ended, 1, 0) != 0;
}

int method_read_credentials(sd_bus_message *reply, MethodCaller *caller)
{
        bool has_uid = false;
        int process = -1; /* borrowed from the message; older bus daemons send none */
        uint32_t uid;
        int r;

        r = sd_bus_message_enter_container(reply, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
                const char *key;

                r = sd_bus_message_read(reply, "s", &key);
                if (r < 0)
                        return r;
                if (strcmp(key, "UnixUserID") == 0) {
                        r = sd_bus_message_read(reply, "v", "u", &uid);
                        has_uid = r >= 0;
                } else if (strcmp(key, "UnixGroupIDs") == 0) {
                        r = read_gids(reply, caller);
                } else if (strcmp(key, "ProcessID") == 0) {
                        r = read_unit(reply, caller);
                } else if (strcmp(key, "ProcessFD") == 0) {
                        r = sd_bus_message_read(reply, "v", "h", &process);
                } else if (strcmp(key, "LinuxSecurityLabel") == 0) {
                        r = read_label(reply, caller);
                } else {
                        r = sd_bus_message_skip(reply, "v");
                }
                if (r < 0 || (r = sd_bus_message_exit_container(reply)) < 0)
                        return r;
        }
        if (r < 0 || !has_uid)
                return r < 0 ? r : -ENODATA;
        caller->uid = uid;
        if (process >= 0 && has_ended(process)) {
                free(TAKE_PTR(caller->unit)); /* may be the unit of another process that has the pid
                                                 now */
                caller->pid = 0;
        }
        if (!caller->unit)
                caller->unit = strdup("");
        return caller->unit ? 0 : -ENOMEM;
}

int credentials_query(Bus *bus, const char *name, sd_bus_message_handler_t handler, void *userdata)
{
        return sd_bus_call_method_async(bus->bus, NULL, "org.freedesktop.DBus",
                                        "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                        "GetConnectionCredentials", handler, userdata, "s", name);
}

static int on_credentials(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        _cleanup_(method_call_freep) MethodCall *call = userdata;

        if (sd_bus_message_is_method_error(reply, NULL) ||
            method_read_credentials(reply, &call->caller) < 0) {
                bus_reply_refusal(call->message, REFUSAL_NOT_AUTHORIZED,
                                  "the bus daemon does not give the credentials of the caller");
                return 0;
        }
        method_call_resume(TAKE_PTR(call));
        return 0;
}

CallVerdict credentials_ask(MethodCall *call)
{
        call->is_known = false;
        method_caller_clear(&call->caller);
        int r = credentials_query(call->bus, sd_bus_message_get_sender(call->message),
                                  on_credentials, call);
        return r < 0 ? method_fail(call, r) : CALL_WAITS;
}
