/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table, the way of a call through it, and the question to the bus daemon who is calling. */

#include <errno.h>
#include <string.h>

#include "daemon/bus/method.h"
#include "daemon/bus/pace.h"

static const MethodRow rows[] = {
        {BUS_IFACE_MANAGER, "Acquire", METHOD_POLICY, NULL, method_acquire, .pace = METHOD_PACE_REQUEST},
        {BUS_IFACE_MANAGER, "Plan", METHOD_POLICY, NULL, method_plan, .pace = METHOD_PACE_REQUEST},
        {BUS_IFACE_MANAGER, "Repair", METHOD_ADMIN, BUS_NAME ".repair", method_repair},
        {BUS_IFACE_MANAGER, "Resolve", METHOD_ANYONE, NULL, method_resolve},
        {BUS_IFACE_MANAGER, "Subscribe", METHOD_ANYONE, NULL, method_subscribe},
        {BUS_IFACE_GROUP, "GetStrength", METHOD_ANYONE, NULL, method_get_strength},
        {BUS_IFACE_DEVICE, "Reset", METHOD_OWNER, BUS_NAME ".reset-device", method_reset},
        {BUS_IFACE_GROUP, "GetHolders", METHOD_OWNER, BUS_NAME ".see-holders", method_get_holders, .pace = METHOD_PACE_LOOK},
        {BUS_IFACE_LEASE, "GetHolders", METHOD_OWNER, BUS_NAME ".see-holders", method_get_holders, .pace = METHOD_PACE_LOOK},
        {BUS_IFACE_GROUP, "SetType", METHOD_ADMIN, BUS_NAME ".set-type", method_set_type},
        {BUS_IFACE_GROUP, "GetReservedRegions", METHOD_ANYONE, NULL, method_get_reserved_regions, .pace = METHOD_PACE_LOOK},
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
        listing_free(call->listing);
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

int method_begin(Bus *bus, sd_bus_message *message, const MethodRow *row)
{
        _cleanup_(method_call_freep) MethodCall *call = calloc(1, sizeof(*call));
        if (!call)
                return -ENOMEM;
        call->bus = bus;
        call->place = &bus->calls;
        call->next = bus->calls;
        if (call->next)
                call->next->place = &call->next;
        bus->calls = call;
        call->message = sd_bus_message_ref(message);
        call->row = row;
        if (pace_admit_sender(call))
                method_ask_caller(TAKE_PTR(call));
        return 1;
}

int method_dispatch(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const BusView *view = userdata;
        const MethodRow *row = method_find(sd_bus_message_get_interface(message),
                                           sd_bus_message_get_member(message));
        if (!row || row->access == METHOD_DENIED)
                return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED,
                                        "this method is open to nobody");
        return method_begin(view->bus, message, row);
}
