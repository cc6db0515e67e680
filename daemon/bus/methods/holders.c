/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * GetHolders of a lease and of a group: the processes that have it open. The answer names
 * processes, so it is for the owner and root.
 */

#include "daemon/bus/access/object.h"
#include "daemon/bus/methods/methods_internal.h"
#include "daemon/holders/tracker.h"

static int append_holders(sd_bus_message *reply, const void *value)
{
        const HolderList *holders = value;
        int r = sd_bus_message_open_container(reply, 'a', "(uussb)");

        for (size_t i = 0; r >= 0 && i < holders->n_items; i++) {
                const Holder *holder = &holders->items[i];

                r = sd_bus_message_append(reply, "(uussb)", (uint32_t)holder->pid, holder->uid,
                                          holder->comm, holder->unit, (int)holder->certain);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static void on_counted(Ledger *ledger, uint32_t id, const HoldersResult *result, void *userdata)
{
        _cleanup_(method_call_freep) MethodCall *call = userdata;
        const LeaseAnswer answer = {.code = result->code, .message = result->message};
        Lease *lease = id > 0 ? ledger_find_lease(ledger, id) : NULL;

        if (result->code == 0 && lease)
                holders_judge(lease, result->holders);
        method_answer(call, &answer, append_holders, result->holders);
}

CallVerdict method_get_holders(MethodCall *call)
{
        Ledger *ledger = call->bus->ledger;
        const MethodObject object = method_object(call);

        if (object.lease)
                holders_ask_lease(object.lease, call->caller.uid, on_counted, call);
        else if (object.group != SNAPSHOT_NONE)
                holders_ask_group(ledger, ledger->world->groups->groups[object.group].kernel_group,
                                 call->caller.uid, on_counted, call);
        else {
                bus_reply_refusal(call->message, REFUSAL_NOT_FOUND, "%s: no such lease or group",
                                  sd_bus_message_get_path(call->message));
                return CALL_ANSWERED;
        }
        return CALL_WAITS;
}
