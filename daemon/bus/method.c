/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The table, the way of a call through it, and the question to the bus daemon who is calling.
 *
 * Uid and groups come from the bus daemon, which had them from the kernel when the caller connected:
 * /proc would tell about whatever runs under that pid by now.
 */

#include <errno.h>
#include <string.h>
#include <systemd/sd-login.h>

#include "daemon/bus/method.h"

#define CALLER_GIDS_MAX 65536 /* NGROUPS_MAX of Linux */

static const MethodRow rows[] = {
        {BUS_IFACE_MANAGER, "Acquire", METHOD_POLICY, method_acquire},
        {BUS_IFACE_MANAGER, "Resolve", METHOD_ANYONE, method_resolve},
        {BUS_IFACE_GROUP, "GetStrength", METHOD_ANYONE, method_get_strength},
        {BUS_IFACE_LEASE, "Release", METHOD_OWNER, method_release},
        {BUS_IFACE_LEASE, "TakeDevice", METHOD_OWNER, method_take_device},
        {BUS_IFACE_LEASE, "ExpelDevice", METHOD_ADMIN, method_expel_device},
};

const MethodRow *method_find(const char *interface, const char *member)
{
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (strcmp(rows[i].interface, interface) == 0 &&
                    strcmp(rows[i].member, member) == 0)
                        return &rows[i];
        return NULL;
}

const char *method_find_hole(const char *interface, const sd_bus_vtable *vtable)
{
        for (const sd_bus_vtable *entry = vtable; entry->type != _SD_BUS_VTABLE_END; entry++)
                if (entry->type == _SD_BUS_VTABLE_METHOD &&
                    (!method_find(interface, entry->x.method.member) ||
                     entry->x.method.handler != method_dispatch))
                        return entry->x.method.member;
        return NULL;
}

MethodCall *method_call_free(MethodCall *call)
{
        if (!call)
                return NULL;
        sd_bus_message_unref(call->message);
        free(call->caller.gids);
        free(call->caller.unit);
        free(call);
        return NULL;
}

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

static int read_unit(sd_bus_message *reply, MethodCaller *caller)
{
        uint32_t pid;

        int r = sd_bus_message_read(reply, "v", "u", &pid);
        if (r < 0)
                return r;
        if (!caller->unit && sd_pid_get_unit((pid_t)pid, &caller->unit) < 0)
                caller->unit = NULL;
        return 0;
}

/* Reads the a{sv} of GetConnectionCredentials. Returns 0, or -errno if the uid is not in it. */
static int read_caller(sd_bus_message *reply, MethodCaller *caller)
{
        bool has_uid = false;
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
                } else {
                        r = sd_bus_message_skip(reply, "v");
                }
                if (r < 0 || (r = sd_bus_message_exit_container(reply)) < 0)
                        return r;
        }
        if (r < 0 || !has_uid)
                return r < 0 ? r : -ENODATA;
        caller->uid = uid;
        if (!caller->unit)
                caller->unit = strdup("");
        return caller->unit ? 0 : -ENOMEM;
}

static int on_credentials(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        _cleanup_(method_call_freep) MethodCall *call = userdata;

        if (sd_bus_message_is_method_error(reply, NULL) || read_caller(reply, &call->caller) < 0) {
                bus_reply_refusal(call->message, REFUSAL_NOT_AUTHORIZED,
                                  "the bus does not say who is calling");
                return 0;
        }
        const MethodRow *row = call->row;
        row->run(TAKE_PTR(call));
        return 0;
}

int method_dispatch(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const BusView *view = userdata;
        const MethodRow *row = method_find(sd_bus_message_get_interface(message),
                                           sd_bus_message_get_member(message));
        if (!row || row->access == METHOD_DENIED)
                return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED,
                                        "this method is open to nobody");

        _cleanup_(method_call_freep) MethodCall *call = calloc(1, sizeof(*call));
        if (!call)
                return -ENOMEM;
        call->bus = view->bus;
        call->message = sd_bus_message_ref(message);
        call->row = row;
        if (row->access == METHOD_ANYONE) {
                row->run(TAKE_PTR(call));
                return 1;
        }
        int r = sd_bus_call_method_async(view->bus->bus, NULL, "org.freedesktop.DBus",
                                         "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                         "GetConnectionCredentials", on_credentials, call, "s",
                                         sd_bus_message_get_sender(message));
        if (r < 0)
                return r;
        (void)TAKE_PTR(call);
        return 1;
}
