/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lease.Transfer and Lease.GetDescriptors: a lease that changes hands, and the hands that get its
 * descriptors.
 *
 * The new owner is named by its name on the bus, which says who that is; a bare uid is for root.
 */

#include <string.h>

#include "daemon/bus/arguments.h"
#include "daemon/bus/authorize.h"
#include "daemon/bus/fds.h"
#include "daemon/descriptors/descriptors.h"
#include "daemon/requests/requests.h"

typedef struct Heir {
        const char *name; /* NULL: a bare uid */
        uint32_t uid;
        bool has_uid;
} Heir;

static int read_name(sd_bus_message *message, const char *key, void *target)
{
        return option_read_text(message, key, &((Heir *)target)->name);
}

static int read_uid(sd_bus_message *message, const char *key, void *target)
{
        Heir *heir = target;

        heir->has_uid = true;
        return option_read_u32(message, key, &heir->uid);
}

static const ArgumentOption options[] = {
        {"name", read_name},
        {"uid", read_uid},
};

/* Reads the options. Returns 0, or -errno with the call answered. */
static int read_heir(MethodCall *call, Heir *heir)
{
        int r = argument_rewind(call->message);

        if (r == 0)
                r = argument_read_options(call->message, options, ARRAY_SIZE(options), heir);
        if (r < 0)
                return r;
        /* A unique name is one connection for ever; others change hands. */
        if (!heir->name != !heir->has_uid &&
            (!heir->name || (heir->name[0] == ':' && strlen(heir->name) < LEASE_OWNER_NAME_SIZE)))
                return 0;
        bus_reply_refusal(call->message, REFUSAL_INVALID,
                          "the new owner is named by an option name (s, unique on the bus: :1.42) "
                          "or, by root, uid (u)");
        return -EINVAL;
}

static void transfer(MethodCall *call, const NewOwner *owner)
{
        _cleanup_(freep) char *message = NULL;
        Lease *lease = method_lease(call);

        if (!lease)
                return method_refuse_ended(call);
        int r = lease_transfer(lease, owner, &message);
        const LeaseAnswer answer = {.code = r, .message = message ? message : ""};
        if (r != 0)
                bus_reply_failure(call->message, &answer);
        else
                (void)sd_bus_reply_method_return(call->message, NULL);
        method_call_free(call);
}

static int on_heir(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        MethodCall *call = userdata;
        MethodCaller caller = {.uid = 0};
        Heir heir = {.name = NULL};

        if (read_heir(call, &heir) < 0) {
                method_call_free(call);
        } else if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NAME_HAS_NO_OWNER)) {
                bus_reply_refusal(call->message, REFUSAL_NOT_FOUND, "%.64s: nobody of that name",
                                  heir.name);
                method_call_free(call);
        } else if (sd_bus_message_is_method_error(reply, NULL) ||
                   method_read_credentials(reply, &caller) < 0) {
                bus_reply_refusal(call->message, REFUSAL_STUCK,
                                  "%.64s: the bus does not say who that is; try again", heir.name);
                method_call_free(call);
        } else if (!method_check_object(call)) {
                method_call_free(call); /* it has changed hands since the bus was asked */
        } else {
                const NewOwner owner = {
                        .who = {.uid = caller.uid,
                                .gids = caller.gids,
                                .n_gids = caller.n_gids,
                                .unit = caller.unit,
                                .label = caller.label},
                        .unit = caller.unit,
                        .name = heir.name,
                        .is_privileged = call->caller.uid == 0,
                };
                transfer(call, &owner);
        }
        method_caller_clear(&caller);
        return 0;
}

static void transfer_now(MethodCall *call)
{
        Heir heir = {.name = NULL};

        if (read_heir(call, &heir) < 0) {
                method_call_free(call);
                return;
        }
        if (heir.has_uid && call->caller.uid != 0) {
                bus_reply_refusal(call->message, REFUSAL_NOT_AUTHORIZED,
                                  "only root gives a lease to a uid; name the new owner's "
                                  "connection to the bus");
                method_call_free(call);
                return;
        }
        if (heir.has_uid) {
                const NewOwner owner = {
                        .who = {.uid = heir.uid}, .unit = "", .is_privileged = true};
                return transfer(call, &owner);
        }
        int r = sd_bus_call_method_async(call->bus->bus, NULL, "org.freedesktop.DBus",
                                         "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                         "GetConnectionCredentials", on_heir, call, "s", heir.name);
        if (r < 0) {
                (void)sd_bus_reply_method_errno(call->message, r, NULL);
                method_call_free(call);
        }
}

void method_transfer(MethodCall *call)
{
        method_authorize(call, transfer_now);
}

static int send_descriptors(const MethodCall *call, const Lease *lease)
{
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(closep) int fd = lease_open_fd(lease);

        int r = fd < 0 ? fd : sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "h", fd);
        if (r >= 0)
                r = bus_append_fds(reply, descriptors_of(lease));
        return r < 0 ? r : sd_bus_send(call->bus->bus, reply, NULL);
}

static void get_descriptors_now(MethodCall *call)
{
        const Lease *lease = method_lease(call);

        if (!lease)
                return method_refuse_ended(call);
        if (!method_read_no_options(call)) {
                method_call_free(call);
                return;
        }
        if (lease->record->state != LEASE_LEASED || lease->record->parked) {
                bus_reply_refusal(call->message, REFUSAL_BUSY, "the lease is %s",
                                  ledger_lease_state(lease));
        } else {
                int r = send_descriptors(call, lease);
                if (r < 0)
                        (void)sd_bus_reply_method_errno(call->message, r, NULL);
        }
        method_call_free(call);
}

void method_get_descriptors(MethodCall *call)
{
        method_authorize(call, get_descriptors_now);
}
