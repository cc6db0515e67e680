/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The table, the way of a call through it, and the question to the bus daemon who is calling.
 *
 * Uid and groups come from the bus daemon, which had them from the kernel when the caller connected:
 * /proc would tell about whatever runs under that pid by now.
 */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <systemd/sd-login.h>

#include "daemon/bus/method.h"
#include "daemon/bus/pace.h"

#define CALLER_GIDS_MAX 65536 /* NGROUPS_MAX of Linux */

static const MethodRow rows[] = {
        {BUS_IFACE_MANAGER, "Acquire", METHOD_POLICY, NULL, method_acquire},
        {BUS_IFACE_MANAGER, "Plan", METHOD_POLICY, NULL, method_plan},
        {BUS_IFACE_MANAGER, "Repair", METHOD_ADMIN, BUS_NAME ".repair", method_repair},
        {BUS_IFACE_MANAGER, "Resolve", METHOD_ANYONE, NULL, method_resolve},
        {BUS_IFACE_GROUP, "GetStrength", METHOD_ANYONE, NULL, method_get_strength},
        {BUS_IFACE_DEVICE, "Reset", METHOD_OWNER, BUS_NAME ".reset-device", method_reset},
        {BUS_IFACE_GROUP, "GetHolders", METHOD_OWNER, BUS_NAME ".see-holders", method_get_holders, .looks = true},
        {BUS_IFACE_LEASE, "GetHolders", METHOD_OWNER, BUS_NAME ".see-holders", method_get_holders, .looks = true},
        {BUS_IFACE_GROUP, "SetType", METHOD_ADMIN, BUS_NAME ".set-type", method_set_type},
        {BUS_IFACE_GROUP, "GetReservedRegions", METHOD_ANYONE, NULL, method_get_reserved_regions, .looks = true},
        {BUS_IFACE_LEASE, "Release", METHOD_OWNER, BUS_NAME ".release-other", method_release},
        {BUS_IFACE_LEASE, "Transfer", METHOD_OWNER, BUS_NAME ".transfer-other", method_transfer},
        {BUS_IFACE_LEASE, "GetDescriptors", METHOD_OWNER, BUS_NAME ".take-other", method_get_descriptors},
        {BUS_IFACE_LEASE, "Revoke", METHOD_OWNER, BUS_NAME ".revoke-other", method_revoke},
        {BUS_IFACE_LEASE, "TakeDevice", METHOD_OWNER, BUS_NAME ".take-other", method_take_device},
        {BUS_IFACE_LEASE, "ExpelDevice", METHOD_ADMIN, BUS_NAME ".expel-device", method_expel_device},
};

const MethodRow *method_find(const char *interface, const char *member)
{
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (strcmp(rows[i].interface, interface) == 0 &&
                    strcmp(rows[i].member, member) == 0)
                        return &rows[i];
        return NULL;
}

const MethodRow *method_rows(size_t *ret_n)
{
        *ret_n = ARRAY_SIZE(rows);
        return rows;
}

static bool is_whole(const MethodRow *row)
{
        return row && (row->action || (row->access != METHOD_OWNER && row->access != METHOD_ADMIN));
}

const char *method_find_hole(const char *interface, const sd_bus_vtable *vtable)
{
        for (const sd_bus_vtable *entry = vtable; entry->type != _SD_BUS_VTABLE_END; entry++)
                if (entry->type == _SD_BUS_VTABLE_METHOD &&
                    (!is_whole(method_find(interface, entry->x.method.member)) ||
                     entry->x.method.handler != method_dispatch))
                        return entry->x.method.member;
        return NULL;
}

void method_caller_clear(MethodCaller *caller)
{
        free(caller->gids);
        free(caller->unit);
        free(caller->label);
        *caller = (MethodCaller){.uid = (uid_t)-1};
}

MethodCall *method_call_free(MethodCall *call)
{
        if (!call)
                return NULL;
        if (call->next)
                call->next->place = call->place;
        if (call->place)
                *call->place = call->next;
        if (call->turn)
                event_free(call->turn);
        sd_bus_message_unref(call->message);
        method_caller_clear(&call->caller);
        free(call->about);
        free(call);
        return NULL;
}

void method_finish(const MethodCall *call, sd_bus_message *reply, int r)
{
        if (r >= 0)
                r = sd_bus_send(call->bus->bus, reply, NULL);
        if (r < 0)
                (void)sd_bus_reply_method_errno(call->message, r, NULL);
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

/* Bytes, with a NUL at their end that counts (the D-Bus specification has it so). */
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

/* The number of a process that has ended may be another's; its descriptor never is. */
static bool has_ended(int process)
{
        struct pollfd ended = {.fd = process, .events = POLLIN};

        return poll(&ended, 1, 0) != 0;
}

int method_read_credentials(sd_bus_message *reply, MethodCaller *caller)
{
        bool has_uid = false;
        int process = -1; /* the message's; newer buses send it */
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
                free(TAKE_PTR(caller->unit)); /* perhaps of who has its number now */
                caller->pid = 0;
        }
        if (!caller->unit)
                caller->unit = strdup("");
        return caller->unit ? 0 : -ENOMEM;
}

static int on_credentials(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        _cleanup_(method_call_freep) MethodCall *call = userdata;

        if (sd_bus_message_is_method_error(reply, NULL) || method_read_credentials(reply, &call->caller) < 0) {
                bus_reply_refusal(call->message, REFUSAL_NOT_AUTHORIZED,
                                  "the bus does not say who is calling");
                return 0;
        }
        pace_run(TAKE_PTR(call));
        return 0;
}

void method_ask_caller(MethodCall *call)
{
        call->is_known = false;
        method_caller_clear(&call->caller);
        int r = sd_bus_call_method_async(call->bus->bus, NULL, "org.freedesktop.DBus",
                                         "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                         "GetConnectionCredentials", on_credentials, call, "s",
                                         sd_bus_message_get_sender(call->message));
        if (r >= 0)
                return;
        (void)sd_bus_reply_method_errno(call->message, r, NULL);
        method_call_free(call);
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
        call->place = &view->bus->calls;
        call->next = view->bus->calls;
        if (call->next)
                call->next->place = &call->next;
        view->bus->calls = call;
        call->message = sd_bus_message_ref(message);
        call->row = row;
        if (row->access == METHOD_ANYONE && !row->looks) {
                row->run(TAKE_PTR(call));
                return 1;
        }
        if (pace_admit_sender(call))
                method_ask_caller(TAKE_PTR(call));
        return 1;
}
