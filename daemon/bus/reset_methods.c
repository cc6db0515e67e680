/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Resets, asked for or done on the way: what was reset and how, as a(ss), an address and words.
 */

#include <string.h>

#include "daemon/bus/method.h"
#include "daemon/requests/requests.h"

int bus_append_resets(sd_bus_message *reply, const char *report)
{
        _cleanup_(freep) char *copy = strdup(report ? report : "");
        char *rest = copy;

        int r = copy ? sd_bus_message_open_container(reply, 'a', "(ss)") : -1;
        for (char *line; r >= 0 && (line = strsep(&rest, "\n"));) {
                const char *address = strsep(&line, " ");

                if (line)
                        r = sd_bus_message_append(reply, "(ss)", address, line);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

void method_answer_resets(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        _cleanup_(method_call_freep) MethodCall *call = userdata;
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;

        if (answer->code != 0) {
                bus_reply_failure(call->message, answer);
                return;
        }
        int r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = bus_append_resets(reply, answer->report);
        method_finish(call, reply, r);
}

static void reset_now(MethodCall *call)
{
        Ledger *ledger = call->bus->ledger;
        size_t index = bus_find_device(ledger, sd_bus_message_get_path(call->message));

        if (index != SNAPSHOT_NONE)
                return request_reset(ledger, ledger->world->snapshot->devices[index].bdf,
                                            method_answer_resets, call);
        bus_reply_refusal(call->message, REFUSAL_NOT_FOUND, "%s: the device is gone",
                          sd_bus_message_get_path(call->message));
        method_call_free(call);
}

void method_reset(MethodCall *call)
{
        if (!method_read_no_options(call)) {
                method_call_free(call);
                return;
        }
        method_authorize(call, reset_now);
}
