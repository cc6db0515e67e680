/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lease.Revoke: for the lease's owner and root; others by polkit. The options are read when the
 * caller's right is known, as the lease is looked up then.
 */

#include <string.h>

#include "daemon/bus/method.h"
#include "daemon/manager_revoke.h"

static Lease *lease_of(const MethodCall *call)
{
        return bus_find_lease(call->bus->manager, sd_bus_message_get_path(call->message));
}

/* Reads one option's value. Returns NULL, or what is wrong with it. */
static const char *read_option(sd_bus_message *message, const char *key, RevokeRequest *request)
{
        uint32_t seconds;
        int value;

        if (strcmp(key, "kill") == 0) {
                if (sd_bus_message_read(message, "v", "b", &value) < 0)
                        return "must be a boolean";
                request->kill = value;
                return NULL;
        }
        if (strcmp(key, "grace-seconds") != 0)
                return "no such option";
        if (sd_bus_message_read(message, "v", "u", &seconds) < 0 || seconds > POLICY_GRACE_MAX)
                return "must be 0 to 3600, as an unsigned number";
        request->has_grace = true;
        request->grace = seconds;
        return NULL;
}

/* Returns false with the call answered. */
static bool read_options(MethodCall *call, RevokeRequest *request)
{
        sd_bus_message *message = call->message;
        const char *key = "options", *wrong = NULL;

        int r = sd_bus_message_rewind(message, true);
        if (r >= 0)
                r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && !wrong && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = sd_bus_message_read(message, "s", &key);
                if (r >= 0)
                        wrong = read_option(message, key, request);
                if (r >= 0 && !wrong)
                        r = sd_bus_message_exit_container(message);
        }
        if (r < 0 && !wrong)
                wrong = "cannot be read";
        if (wrong)
                bus_reply_refusal(message, REFUSAL_INVALID, "%.64s: %s", key, wrong);
        return !wrong;
}

static void revoke_now(MethodCall *call)
{
        RevokeRequest request = {.kill = false};
        Lease *lease = lease_of(call);

        if (lease && read_options(call, &request))
                return manager_revoke(lease, &request, method_answer_resets, call);
        if (!lease)
                bus_reply_refusal(call->message, REFUSAL_NOT_FOUND, "%s: the lease has ended",
                                  sd_bus_message_get_path(call->message));
        method_call_free(call);
}

void method_revoke(MethodCall *call)
{
        method_authorize(call, revoke_now);
}
