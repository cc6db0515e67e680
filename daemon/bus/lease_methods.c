/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What can be asked of a lease: giving it back, and what becomes of a device that joined it.
 *
 * The lease is looked up when the caller's right is known: it may have ended while polkit asked for
 * a password.
 */

#include <string.h>

#include "daemon/bus/arguments.h"
#include "daemon/bus/fds.h"
#include "daemon/bus/method.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/requests/requests.h"

Lease *method_lease(const MethodCall *call)
{
        return bus_find_lease(call->bus->ledger, sd_bus_message_get_path(call->message));
}

bool method_read_no_options(MethodCall *call)
{
        return argument_read_options(call->message, NULL, 0, NULL) == 0;
}

void method_refuse_ended(MethodCall *call)
{
        bus_reply_refusal(call->message, REFUSAL_NOT_FOUND, "%s: the lease has ended",
                          sd_bus_message_get_path(call->message));
        method_call_free(call);
}

static void on_released(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        _cleanup_(method_call_freep) MethodCall *call = userdata;

        if (answer->code != 0)
                bus_reply_failure(call->message, answer);
        else
                (void)sd_bus_reply_method_return(call->message, NULL);
}

static void release_now(MethodCall *call)
{
        Lease *lease = method_lease(call);

        if (!lease)
                return method_refuse_ended(call);
        lease_release(lease, method_answer_resets, call);
}

void method_release(MethodCall *call)
{
        if (!method_read_no_options(call)) {
                method_call_free(call);
                return;
        }
        method_authorize(call, release_now);
}

/* --- a device of it --------------------------------------------------------------------------- */

/* Reads the address and the options, from the start. Returns false with the call answered. */
static bool read_device(MethodCall *call, Bdf *ret_bdf)
{
        const char *address;

        if (argument_rewind(call->message) < 0 ||
            argument_read_text(call->message, "device", &address) < 0)
                return false;
        if (!bdf_parse(address, ret_bdf)) {
                bus_reply_refusal(call->message, REFUSAL_INVALID,
                                  "a device is named by its address, such as 0000:01:00.0");
                return false;
        }
        return method_read_no_options(call);
}

/* The lease that is asked, and the device; NULL with the call answered and forgotten. */
static Lease *find_member(MethodCall *call, Bdf *ret_bdf)
{
        Lease *lease = method_lease(call);

        if (!lease) {
                method_refuse_ended(call);
        } else if (!read_device(call, ret_bdf)) {
                method_call_free(call);
                lease = NULL;
        }
        return lease;
}

static int send_fds(const MethodCall *call, const VfioFds *fds)
{
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;

        int r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = bus_append_fds(reply, fds);
        return r < 0 ? r : sd_bus_send(call->bus->bus, reply, NULL);
}

static void on_taken(const LeaseAnswer *answer, const VfioFds *fds, void *userdata)
{
        _cleanup_(method_call_freep) MethodCall *call = userdata;

        if (answer->code != 0) {
                bus_reply_failure(call->message, answer);
                return;
        }
        int r = send_fds(call, fds);
        if (r < 0)
                (void)sd_bus_reply_method_errno(call->message, r, NULL);
}

static void take_now(MethodCall *call)
{
        const PolicyRequest who = {
                .uid = call->caller.uid,
                .gids = call->caller.gids,
                .n_gids = call->caller.n_gids,
                .unit = call->caller.unit,
                .label = call->caller.label,
        };
        Bdf bdf;
        Lease *lease = find_member(call, &bdf);

        if (lease)
                member_take(lease, bdf, &who, on_taken, call);
}

void method_take_device(MethodCall *call)
{
        method_authorize(call, take_now);
}

static void on_expelled(const LeaseAnswer *answer, const VfioFds *fds, void *userdata)
{
        on_released(answer, NULL, userdata);
}

static void expel_now(MethodCall *call)
{
        Bdf bdf;
        Lease *lease = find_member(call, &bdf);

        if (lease)
                member_expel(lease, bdf, on_expelled, call);
}

void method_expel_device(MethodCall *call)
{
        method_authorize(call, expel_now);
}
