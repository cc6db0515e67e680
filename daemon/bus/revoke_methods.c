/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lease.Revoke: for the lease's owner and root; others by polkit. The options are read when the
 * caller's right is known, as the lease is looked up then.
 */

#include <string.h>

#include "daemon/bus/arguments.h"
#include "daemon/bus/method.h"
#include "daemon/lifecycle/lifecycle.h"

static Lease *lease_of(const MethodCall *call)
{
        return bus_find_lease(call->bus->ledger, sd_bus_message_get_path(call->message));
}

static int read_kill(sd_bus_message *message, const char *key, void *target)
{
        return option_read_flag(message, key, &((RevokeRequest *)target)->kill);
}

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

static const ArgumentOption options[] = {
        {"kill", read_kill},
        {"grace-seconds", read_grace},
};

/* Returns false with the call answered. */
static bool read_options(MethodCall *call, RevokeRequest *request)
{
        return argument_rewind(call->message) == 0 &&
               argument_read_options(call->message, options, ARRAY_SIZE(options), request) == 0;
}

static void revoke_now(MethodCall *call)
{
        RevokeRequest request = {.kill = false};
        Lease *lease = lease_of(call);

        if (lease && read_options(call, &request))
                return lease_revoke(lease, &request, method_answer_resets, call);
        if (!lease)
                bus_reply_refusal(call->message, REFUSAL_NOT_FOUND, "%s: the lease has ended",
                                  sd_bus_message_get_path(call->message));
        method_call_free(call);
}

void method_revoke(MethodCall *call)
{
        method_authorize(call, revoke_now);
}
