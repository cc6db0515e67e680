/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lease.Transfer and Lease.GetDescriptors.
 *
 * The caller names the new owner by a unique bus name, which identifies a connection and its user.
 * Only root may name a uid instead.
 */

#include <string.h>

#include "daemon/bus/access/credentials.h"
#include "daemon/bus/access/object.h"
#include "daemon/bus/call/arguments.h"
#include "daemon/bus/call/fds.h"
#include "daemon/bus/methods/methods_internal.h"
#include "daemon/descriptors/descriptors.h"
#include "daemon/requests/requests.h"

typedef struct TransferOptions {
        const char *name; /* NULL: a bare uid */
        uint32_t uid;
        bool has_uid;
} TransferOptions;

static int read_uid(sd_bus_message *message, const char *key, void *target)
{
        TransferOptions *options = target;

        options->has_uid = true;
        return option_read_u32(message, key, &options->uid);
}

static const ArgumentOption transfer_options[] = {
        {"name", option_read_text, offsetof(TransferOptions, name)},
        {"uid", read_uid, 0},
};

/* Reads the options. Returns 0, or -errno with the call answered. */
static int read_target(MethodCall *call, TransferOptions *options)
{
        int r = argument_rewind(call->message);

        if (r == 0)
                r = argument_read_options(call->message, transfer_options,
                                          ARRAY_SIZE(transfer_options), options);
        if (r < 0)
                return r;
        /* A unique name stays with one connection; other names may change their owner. */
        if (!options->name != !options->has_uid &&
            (!options->name ||
             (options->name[0] == ':' && strlen(options->name) < LEASE_OWNER_NAME_SIZE)))
                return 0;
        bus_reply_refusal(call->message, REFUSAL_INVALID,
                          "name the new owner by option name (s, a unique bus name such as :1.42); "
                          "root may use option uid (u) instead");
        return -EINVAL;
}

static void transfer(const MethodCall *call, const NewOwner *owner)
{
        _cleanup_(freep) char *message = NULL;
        Lease *lease = method_find_lease(call);

        if (!lease)
                return;
        int r = lease_transfer(lease, owner, &message);
        const LeaseAnswer answer = {.code = r, .message = message ? message : ""};
        method_answer(call, &answer, NULL, NULL);
}

/*
 * Transfers the lease to the user of `reply`, the credentials of the new owner. Answers the call.
 */
static void transfer_to(MethodCall *call, sd_bus_message *reply, MethodCaller *caller)
{
        TransferOptions target = {.name = NULL};

        if (read_target(call, &target) < 0)
                return;
        if (sd_bus_message_is_method_error(reply, SD_BUS_ERROR_NAME_HAS_NO_OWNER)) {
                bus_reply_refusal(call->message, REFUSAL_NOT_FOUND,
                                  "%.64s: no connection has this name on the bus", target.name);
        } else if (sd_bus_message_is_method_error(reply, NULL) ||
                   method_read_credentials(reply, caller) < 0) {
                bus_reply_refusal(call->message, REFUSAL_STUCK,
                                  "%.64s: the bus daemon does not give its credentials; retry",
                                  target.name);
        } else if (method_check_object(call)) {
                const NewOwner owner = {
                        .who = method_policy_request(caller),
                        .unit = caller->unit,
                        .name = target.name,
                        .is_privileged = call->caller.uid == 0,
                };
                transfer(call, &owner);
        }
}

static int on_credentials(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        _cleanup_(method_call_freep) MethodCall *call = userdata;
        _cleanup_(method_caller_clear) MethodCaller caller = {.uid = 0};

        transfer_to(call, reply, &caller);
        return 0;
}

CallVerdict method_transfer(MethodCall *call)
{
        TransferOptions target = {.name = NULL};

        if (read_target(call, &target) < 0)
                return CALL_ANSWERED;
        if (!target.has_uid) {
                int r = credentials_query(call->bus, target.name, on_credentials, call);
                return r < 0 ? method_fail(call, r) : CALL_WAITS;
        }
        const NewOwner owner = {.who = {.uid = target.uid}, .unit = "", .is_privileged = true};
        if (call->caller.uid == 0)
                transfer(call, &owner);
        else
                bus_reply_refusal(
                        call->message, REFUSAL_NOT_AUTHORIZED,
                        "only root may transfer a lease to a uid; use option name with the "
                        "new owner's bus name");
        return CALL_ANSWERED;
}

CallVerdict method_get_descriptors(MethodCall *call)
{
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;
        const Lease *lease = method_find_lease(call);

        if (!lease || !method_read_no_options(call))
                return CALL_ANSWERED;
        if (lease->record->state != LEASE_LEASED || lease->record->parked) {
                bus_reply_refusal(call->message, REFUSAL_BUSY, "the lease is %s",
                                  ledger_lease_state(lease));
                return CALL_ANSWERED;
        }
        _cleanup_(closep) int fd = lease_open_fd(lease);
        int r = fd < 0 ? fd : sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "h", fd);
        if (r >= 0)
                r = bus_append_fds(reply, descriptors_of(lease));
        method_finish(call, reply, r);
        return CALL_ANSWERED;
}
