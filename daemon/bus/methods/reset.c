/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Device.Reset, and the report of resets that several methods return: a(ss), an address and the
 * method or the reason.
 */

#include <string.h>

#include "daemon/bus/call/paths.h"
#include "daemon/bus/call/reply.h"
#include "daemon/bus/methods/methods_internal.h"
#include "daemon/requests/requests.h"

/* Appends a report of resets, NULL for none, as a(ss). */
static int append_resets(sd_bus_message *reply, const void *value)
{
        const char *report = value;
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

        method_answer(call, answer, append_resets, answer->report);
}

CallVerdict method_reset(MethodCall *call)
{
        Ledger *ledger = call->bus->ledger;
        const char *path = sd_bus_message_get_path(call->message);
        size_t index = bus_find_device(ledger, path);

        if (index == SNAPSHOT_NONE) {
                bus_reply_refusal(call->message, REFUSAL_NOT_FOUND, "%s: the device is gone", path);
                return CALL_ANSWERED;
        }
        request_reset(ledger, ledger->world->snapshot->devices[index].bdf,
                             method_answer_resets, call);
        return CALL_WAITS;
}
