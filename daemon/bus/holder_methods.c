/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Who has a lease, or a group, open: for its owner and root, since it names processes.
 */

#include <string.h>

#include "daemon/bus/method.h"
#include "daemon/holders/tracker.h"

/* The lease that is asked for, or the lease of the group; NULL if there is none. */
static Lease *lease_of(const MethodCall *call)
{
        const Ledger *ledger = call->bus->ledger;
        const char *path = sd_bus_message_get_path(call->message);
        size_t group = bus_find_group(ledger, path);

        if (strcmp(call->row->interface, BUS_IFACE_GROUP) != 0)
                return bus_find_lease(ledger, path);
        return group == SNAPSHOT_NONE ? NULL : ledger_lease_of_group(ledger, group);
}

static int append_holders(sd_bus_message *reply, const HolderList *holders)
{
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
        _cleanup_(message_unrefp) sd_bus_message *reply = NULL;
        Lease *lease = id > 0 ? ledger_find_lease(ledger, id) : NULL;

        if (result->code != 0) {
                const LeaseAnswer answer = {.code = result->code, .message = result->message};

                bus_reply_failure(call->message, &answer);
                return;
        }
        if (lease)
                holders_judge(lease, result->holders);
        int r = sd_bus_message_new_method_return(call->message, &reply);
        if (r >= 0)
                r = append_holders(reply, result->holders);
        method_finish(call, reply, r);
}

/* What is asked for is looked up now: polkit may have asked for a password. */
static void count_now(MethodCall *call)
{
        Ledger *ledger = call->bus->ledger;
        size_t group = bus_find_group(ledger, sd_bus_message_get_path(call->message));
        Lease *lease = lease_of(call);

        if (lease)
                return holders_ask_lease(lease, call->caller.uid, on_counted, call);
        if (group != SNAPSHOT_NONE)
                return holders_ask_group(ledger, ledger->world->groups->groups[group].kernel_group,
                                        call->caller.uid, on_counted, call);
        bus_reply_refusal(call->message, REFUSAL_NOT_FOUND, "%s: it is gone",
                          sd_bus_message_get_path(call->message));
        method_call_free(call);
}

void method_get_holders(MethodCall *call)
{
        if (!method_read_no_options(call)) {
                method_call_free(call);
                return;
        }
        method_authorize(call, count_now);
}
