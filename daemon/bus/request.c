/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Read request_go_on() first: every call takes its steps. Before and after them:
 *
 * - access/gate.c lets a call of at most 64 KiB through to sd-bus; of a larger one only the head.
 * - filter() sees each message first. It refuses long object paths, and takes in D-Bus's own
 * methods.
 * - For any other call sd-bus finds the object, compares the signature with the vtable (objects/),
 *   and hands the call to serve().
 * - Both look the method up in the table: who may call it, and which function is its last step.
 * - That function (methods/, objects/properties.c) reads the arguments and asks the manager. It
 *   answers at once or from the manager's callback (call/reply.c).
 */

#include "daemon/bus/request.h"

#include <errno.h>
#include <string.h>

#include "daemon/bus/access/authorize.h"
#include "daemon/bus/access/credentials.h"
#include "daemon/bus/access/pace.h"
#include "daemon/bus/call/arguments.h"
#include "daemon/bus/methods/methods.h"
#include "daemon/bus/objects/objects.h"

/* sd-bus looks at each prefix of a path, at a cost that grows with the square of its length. */
#define PATH_MAX_BYTES 512

static CallVerdict check_options(MethodCall *call)
{
        return call->row->no_options && !method_read_no_options(call) ? CALL_ANSWERED
                                                                      : CALL_GOES_ON;
}

static CallVerdict run(MethodCall *call)
{
        return call->row->run(call);
}

void request_go_on(MethodCall *call)
{
        static const CallStep steps[_CALL_STAGE_N] = {
                /* Quota, if more than 64 calls of the connection have no known caller yet. */
                [CALL_STAGE_CONNECTION] = pace_admit_sender,
                /* Waits for the bus daemon: uid, groups, unit and label of the caller. */
                [CALL_STAGE_CALLER] = credentials_ask,
                /* Quota, if more than 128 calls of the user have no answer yet. */
                [CALL_STAGE_USER] = pace_admit_user,
                /* Above the rate limit: waits, once, and goes back to CALL_STAGE_CALLER. */
                [CALL_STAGE_TURN] = pace_await_turn,
                /* Invalid, if the method has no options and the call has. */
                [CALL_STAGE_OPTIONS] = check_options,
                /* Root and owners pass; for others waits for polkit: NotAuthorized. */
                [CALL_STAGE_RIGHTS] = authorize_call,
                /* The method: answers, or waits for the manager and answers then. */
                [CALL_STAGE_RUN] = run,
        };
        CallVerdict verdict = CALL_GOES_ON;

        while (verdict == CALL_GOES_ON && call->stage < _CALL_STAGE_N)
                verdict = steps[call->stage++](call);
        if (verdict == CALL_ANSWERED)
                method_call_free(call);
}

/* --- the table -------------------------------------------------------------------------------- */

#define IFACE_PROPERTIES "org.freedesktop.DBus.Properties"
#define IFACE_OBJECTS "org.freedesktop.DBus.ObjectManager"
#define IFACE_INTROSPECTABLE "org.freedesktop.DBus.Introspectable"

static const MethodRow rows[] = {
        {BUS_IFACE_MANAGER, "Acquire", METHOD_POLICY, NULL, method_acquire, METHOD_PACE_REQUEST},
        {BUS_IFACE_MANAGER, "Plan", METHOD_POLICY, NULL, method_plan, METHOD_PACE_REQUEST},
        {BUS_IFACE_MANAGER, "Repair", METHOD_ADMIN, BUS_NAME ".repair", method_repair},
        {BUS_IFACE_MANAGER, "Resolve", METHOD_ANYONE, NULL, method_resolve},
        {BUS_IFACE_MANAGER, "Subscribe", METHOD_ANYONE, NULL, method_subscribe, .no_options = true},
        {BUS_IFACE_DEVICE, "Reset", METHOD_OWNER, BUS_NAME ".reset-device", method_reset,
         .no_options = true},
        {BUS_IFACE_GROUP, "GetStrength", METHOD_ANYONE, NULL, method_get_strength,
         .no_options = true},
        {BUS_IFACE_GROUP, "GetHolders", METHOD_OWNER, BUS_NAME ".see-holders", method_get_holders,
         METHOD_PACE_LOOK, .no_options = true},
        {BUS_IFACE_GROUP, "SetType", METHOD_ADMIN, BUS_NAME ".set-type", method_set_type},
        {BUS_IFACE_GROUP, "GetReservedRegions", METHOD_ANYONE, NULL, method_get_reserved_regions,
         METHOD_PACE_LOOK, .no_options = true},
        {BUS_IFACE_LEASE, "Release", METHOD_OWNER, BUS_NAME ".release-other", method_release,
         .no_options = true},
        {BUS_IFACE_LEASE, "Transfer", METHOD_OWNER, BUS_NAME ".transfer-other", method_transfer},
        {BUS_IFACE_LEASE, "GetDescriptors", METHOD_OWNER, BUS_NAME ".take-other",
         method_get_descriptors},
        {BUS_IFACE_LEASE, "GetHolders", METHOD_OWNER, BUS_NAME ".see-holders", method_get_holders,
         METHOD_PACE_LOOK, .no_options = true},
        {BUS_IFACE_LEASE, "Revoke", METHOD_OWNER, BUS_NAME ".revoke-other", method_revoke},
        {BUS_IFACE_LEASE, "TakeDevice", METHOD_OWNER, BUS_NAME ".take-other", method_take_device},
        {BUS_IFACE_LEASE, "ExpelDevice", METHOD_ADMIN, BUS_NAME ".expel-device",
         method_expel_device},
        /* D-Bus's own. sd-bus would answer them for everybody, at once and in the same way. */
        {IFACE_PROPERTIES, "Get", METHOD_ANYONE, NULL, standard_get, .signature = "ss"},
        {IFACE_PROPERTIES, "GetAll", METHOD_ANYONE, NULL, standard_get_all, .signature = "s"},
        {IFACE_OBJECTS, "GetManagedObjects", METHOD_ANYONE, NULL, standard_get_managed_objects,
         METHOD_PACE_LIST, .signature = ""},
        {IFACE_INTROSPECTABLE, "Introspect", METHOD_ANYONE, NULL, standard_introspect,
         METHOD_PACE_LIST, .signature = ""},
};

const MethodRow *method_rows(size_t *ret_n)
{
        *ret_n = ARRAY_SIZE(rows);
        return rows;
}

const MethodRow *method_find(const char *interface, const char *member)
{
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (strcmp(rows[i].interface, interface) == 0 &&
                    strcmp(rows[i].member, member) == 0)
                        return &rows[i];
        return NULL;
}

static bool is_whole(const MethodRow *row)
{
        return row && (row->action || (row->access != METHOD_OWNER && row->access != METHOD_ADMIN));
}

const char *method_find_unlisted(const char *interface, const sd_bus_vtable *vtable)
{
        for (const sd_bus_vtable *entry = vtable; entry->type != _SD_BUS_VTABLE_END; entry++)
                if (entry->type == _SD_BUS_VTABLE_METHOD &&
                    (!is_whole(method_find(interface, entry->x.method.member)) ||
                     entry->x.method.handler != method_dispatch))
                        return entry->x.method.member;
        return NULL;
}

/* --- calls that come in ----------------------------------------------------------------------- */

/* Returns 1, the call being answered now or later, or -ENOMEM. */
static int begin(Bus *bus, sd_bus_message *message, const MethodRow *row)
{
        MethodCall *call = method_call_new(bus, message, row);

        if (!call)
                return -ENOMEM;
        call->resume = request_go_on;
        request_go_on(call);
        return 1;
}

static int serve(Bus *bus, sd_bus_message *message, sd_bus_error *error)
{
        const MethodRow *row = method_find(sd_bus_message_get_interface(message),
                                           sd_bus_message_get_member(message));

        if (!row || row->access == METHOD_DENIED)
                return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED,
                                        "no caller may use this method");
        return begin(bus, message, row);
}

static int filter(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *path = sd_bus_message_get_path(message);
        const char *interface = sd_bus_message_get_interface(message);
        const char *member = sd_bus_message_get_member(message);

        if (sd_bus_message_is_method_call(message, NULL, NULL) <= 0)
                return 0;
        if (strnlen(path, PATH_MAX_BYTES) == PATH_MAX_BYTES) {
                bus_reply_refusal(message, REFUSAL_INVALID,
                                  "the object path has more than %d bytes", PATH_MAX_BYTES - 1);
                return 1;
        }
        const MethodRow *row = interface && member ? method_find(interface, member) : NULL;
        if (!row || !row->signature)
                return 0;
        /* Above our objects are only nodes, which sd-bus describes. */
        if (row->run == standard_introspect && strncmp(path, BUS_ROOT, strlen(BUS_ROOT)) != 0)
                return 0;
        if (sd_bus_message_has_signature(message, row->signature) > 0)
                return begin(userdata, message, row);
        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "%s takes \"%s\"", member,
                                 row->signature);
}

int request_listen(Bus *bus)
{
        bus->serve = serve;
        return sd_bus_add_filter(bus->bus, NULL, filter, bus);
}
