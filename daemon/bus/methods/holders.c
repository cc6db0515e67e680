/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * GetHolders of a lease and of a group: the processes that have it open. The answer names
 * processes, so it is for the owner and root.
 */

#include "daemon/bus/access/object.h"
#include "daemon/bus/methods/methods_internal.h"

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

static void on_counted(Manager *manager, uint32_t id, const CensusResult *result, void *userdata)
{
        _cleanup_(method_call_freep) MethodCall *call = userdata;
        const ManagerAnswer answer = {.code = result->code, .message = result->message};
        Lease *lease = id > 0 ? manager_find_lease(manager, id) : NULL;

        if (result->code == 0 && lease)
                census_judge(lease, result->holders);
        method_answer(call, &answer, append_holders, result->holders);
}

CallVerdict method_get_holders(MethodCall *call)
{
        Manager *manager = call->bus->manager;
        const MethodObject object = method_object(call);

        if (object.lease)
                census_ask(object.lease, call->caller.uid, on_counted, call);
        else if (object.group != SNAPSHOT_NONE)
                census_ask_group(manager, manager->world->groups->groups[object.group].kernel_group,
                                 call->caller.uid, on_counted, call);
        else {
                bus_reply_refusal(call->message, REFUSAL_NOT_FOUND, "%s: no such lease or group",
                                  sd_bus_message_get_path(call->message));
                return CALL_ANSWERED;
        }
        return CALL_WAITS;
}
