/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A list of holds, looked through whenever a group is about to be granted. */

#include "daemon/ledger/holds.h"

typedef struct Holds {
        GroupHold *first;
} Holds;

const Module holds_module = {.name = "holds", .size = sizeof(Holds)};

void holds_place(Ledger *ledger, GroupHold *hold)
{
        Holds *holds = module_data(ledger, &holds_module);

        hold->next = holds->first;
        holds->first = hold;
}

void holds_drop(Ledger *ledger, GroupHold *hold)
{
        Holds *holds = module_data(ledger, &holds_module);

        for (GroupHold **at = &holds->first; *at; at = &(*at)->next)
                if (*at == hold) {
                        *at = hold->next;
                        module_report(ledger, EVENT_GROUP_FREED, NULL, NULL);
                        return;
                }
}

const char *holds_find(const Ledger *ledger, const Group *group)
{
        const Holds *holds = module_data(ledger, &holds_module);

        for (const GroupHold *hold = holds->first; hold; hold = hold->next)
                if (hold->covers(ledger, group, hold->userdata))
                        return hold->why;
        return NULL;
}
