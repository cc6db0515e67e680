/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Holds: while a group has one, the daemon grants the group to nobody.
 *
 * Work at a free group outside of a lease (a reset, a change of its domain's type) places a hold.
 * The code that grants groups asks for holds. Neither side has to know the other.
 */

#include "core/model/groups.h"
#include "daemon/ledger/ledger.h"

typedef struct GroupHold {
        const char *why; /* "the type of its domain is being changed"; must last */
        bool (*covers)(const Ledger *ledger, const Group *group, const void *userdata);
        const void *userdata;
        struct GroupHold *next; /* used by the list */
} GroupHold;

/* Places a hold, which stays the caller's and must last until it is dropped. */
void holds_place(Ledger *ledger, GroupHold *hold);

/* Drops a hold and reports EVENT_GROUP_FREED. A hold that was not placed is ignored. */
void holds_drop(Ledger *ledger, GroupHold *hold);

/* Why the group cannot be granted now, or NULL if no hold covers it. */
const char *holds_find(const Ledger *ledger, const Group *group);

extern const Module holds_module;
