/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Methods of org.isolationd1.Manager for clients: Acquire, Resolve, Subscribe.
 */

#include <errno.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/bus/access/subscribers.h"
#include "daemon/bus/call/arguments.h"
#include "daemon/bus/call/fds.h"
#include "daemon/bus/call/paths.h"
#include "daemon/bus/methods/methods_internal.h"
#include "daemon/descriptors/descriptors.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/limits/request.h"
#include "daemon/requests/requests.h"
#include "daemon/tell/audit.h"

static int append_grant(sd_bus_message *reply, const Lease *lease)
{
        int r = bus_append_path(reply, bus_path_lease(lease->record->id));
        if (r >= 0)
                r = sd_bus_message_append(reply, "h", descriptors_client_fd(lease));
        return r < 0 ? r : bus_append_fds(reply, descriptors_of(lease));
}

/*
 * Writes a refused Acquire to the journal, except for invalid arguments, unknown names and busy
 * groups.
 */
static void audit_answer(const MethodCall *call, const LeaseAnswer *answer)
{
        const char *selectors[ARGUMENT_SELECTORS_MAX + 1] = {NULL};

        if (answer->code <= 0 || answer->code == REFUSAL_INVALID ||
            answer->code == REFUSAL_NOT_FOUND || answer->code == REFUSAL_BUSY)
                return;
        if (argument_rewind(call->message) < 0 ||
            argument_read_texts(call->message, "selectors", ARGUMENT_SELECTORS_MAX, selectors) < 0)
                return;
        const AuditRefusal refusal = {
                .uid = call->caller.uid,
                .unit = call->caller.unit,
                .selectors = selectors,
                .refusal = (Refusal)answer->code,
                .message = answer->message,
                .rule = answer->rule,
        };
        audit_refusal(call->bus->ledger, &refusal);
}

static void on_acquired(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        _cleanup_(method_call_freep) MethodCall *call = userdata;
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;

        if (answer->code != 0) {
                audit_answer(call, answer);
                bus_reply_failure(call->message, answer);
                return;
        }
        int r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = append_grant(reply, lease);
        if (r >= 0)
                r = sd_bus_send(call->bus->bus, reply, NULL);
        /*
         * The owner gets the signals of the lease. An owner with too many connections gets them on
         * the others.
         */
        if (r >= 0 && subscribers_add(call) < 0)
                log_broken(-ENOMEM);
        /*
         * The message has its own copy of the fd. If it never arrives, that copy is closed and the
         * lease ends.
         */
        descriptors_close_client_fd(lease);
        if (r < 0) {
                (void)method_fail(call, r);
                lease_release(lease, NULL, NULL);
        }
}

CallVerdict method_acquire(MethodCall *call)
{
        const char *selectors[ARGUMENT_SELECTORS_MAX + 1];
        AcquireRequest request;

        if (method_read_request(call, &request, selectors) < 0)
                return CALL_ANSWERED;
        request_acquire(call->bus->ledger, &request, on_acquired, call);
        return CALL_WAITS;
}

CallVerdict method_resolve(MethodCall *call)
{
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(freep) char *message = NULL;
        const Ledger *ledger = call->bus->ledger;
        const World *world = ledger->world;
        size_t device, group;
        const char *selector;

        if (argument_read_text(call->message, "selector", &selector) < 0 ||
            !method_read_no_options(call))
                return CALL_ANSWERED;
        int r = world_resolve(world, &ledger->host, ledger->policy, selector, &device, &group,
                              &message);
        if (r > 0) {
                bus_reply_refusal(call->message, (Refusal)r, "%s", message);
                return CALL_ANSWERED;
        }
        if (r == 0)
                r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = device == SNAPSHOT_NONE
                            ? sd_bus_message_append(reply, "o", "/")
                            : bus_append_path(
                                      reply, bus_path_device(world->snapshot->devices[device].bdf));
        if (r >= 0)
                r = group == SNAPSHOT_NONE
                            ? sd_bus_message_append(reply, "o", "/")
                            : bus_append_path(reply,
                                              bus_path_group(world->groups->groups[group].id));
        method_finish(call, reply, r);
        return CALL_ANSWERED;
}

CallVerdict method_subscribe(MethodCall *call)
{
        int r = subscribers_add(call);
        if (r < 0)
                return method_fail(call, r);
        if (r > 0)
                bus_reply_refusal(call->message, (Refusal)r,
                                  "uid %u has %d subscribed connections, which is the limit",
                                  call->caller.uid, SUBSCRIBERS_PER_UID_MAX);
        else
                (void)sd_bus_reply_method_return(call->message, NULL);
        return CALL_ANSWERED;
}
