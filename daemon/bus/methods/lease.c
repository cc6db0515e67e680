/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Methods of org.isolationd1.Lease: Release, Revoke, and TakeDevice and ExpelDevice for a device
 * that has joined the lease.
 */

#include "daemon/bus/call/arguments.h"
#include "daemon/bus/call/fds.h"
#include "daemon/bus/call/paths.h"
#include "daemon/bus/methods/methods_internal.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/requests/requests.h"

Lease *method_find_lease(const MethodCall *call)
{
        const char *path = sd_bus_message_get_path(call->message);
        Lease *lease = bus_find_lease(call->bus->ledger, path);

        if (!lease)
                bus_reply_refusal(call->message, REFUSAL_NOT_FOUND, "%s: the lease has ended",
                                  path);
        return lease;
}

void method_answer_done(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        _cleanup_(method_call_freep) MethodCall *call = userdata;

        method_answer(call, answer, NULL, NULL);
}

CallVerdict method_release(MethodCall *call)
{
        Lease *lease = method_find_lease(call);

        if (!lease)
                return CALL_ANSWERED;
        lease_release(lease, method_answer_resets, call);
        return CALL_WAITS;
}

/* --- Revoke ----------------------------------------------------------------------------------- */

static int read_grace(sd_bus_message *message, const char *key, void *target)
{
        RevokeRequest *request = target;
        uint32_t seconds;

        int r = option_read_u32(message, key, &seconds);
        if (r < 0)
                return r;
        if (seconds > POLICY_GRACE_MAX)
                return argument_refuse(message, key, "must be 0 to 3600, as an unsigned number");
        request->has_grace = true;
        request->grace = seconds;
        return 0;
}

static const ArgumentOption revoke_options[] = {
        {"kill", option_read_flag, offsetof(RevokeRequest, kill)},
        {"grace-seconds", read_grace, 0},
};

CallVerdict method_revoke(MethodCall *call)
{
        RevokeRequest request = {.kill = false};
        Lease *lease = method_find_lease(call);

        if (!lease || argument_read_options(call->message, revoke_options,
                                            ARRAY_SIZE(revoke_options), &request) < 0)
                return CALL_ANSWERED;
        lease_revoke(lease, &request, method_answer_resets, call);
        return CALL_WAITS;
}

/* --- a device of the lease -------------------------------------------------------------------- */

/* The lease of the call and the device that its arguments name; NULL with the call answered. */
static Lease *find_member(MethodCall *call, Bdf *ret_bdf)
{
        Lease *lease = method_find_lease(call);
        const char *address;

        if (!lease || argument_read_text(call->message, "device", &address) < 0)
                return NULL;
        if (!bdf_parse(address, ret_bdf)) {
                bus_reply_refusal(
                        call->message, REFUSAL_INVALID,
                        "not the address of a device; use an address such as 0000:01:00.0");
                return NULL;
        }
        return method_read_no_options(call) ? lease : NULL;
}

static int append_fds(sd_bus_message *reply, const void *value)
{
        return bus_append_fds(reply, value);
}

static void on_taken(const LeaseAnswer *answer, const VfioFds *fds, void *userdata)
{
        _cleanup_(method_call_freep) MethodCall *call = userdata;

        method_answer(call, answer, append_fds, fds);
}

CallVerdict method_take_device(MethodCall *call)
{
        const PolicyRequest who = method_policy_request(&call->caller);
        Bdf bdf;
        Lease *lease = find_member(call, &bdf);

        if (!lease)
                return CALL_ANSWERED;
        member_take(lease, bdf, &who, on_taken, call);
        return CALL_WAITS;
}

static void on_expelled(const LeaseAnswer *answer, const VfioFds *fds, void *userdata)
{
        method_answer_done(answer, NULL, userdata);
}

CallVerdict method_expel_device(MethodCall *call)
{
        Bdf bdf;
        Lease *lease = find_member(call, &bdf);

        if (!lease)
                return CALL_ANSWERED;
        member_expel(lease, bdf, on_expelled, call);
        return CALL_WAITS;
}
