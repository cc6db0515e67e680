/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is done to a group outside of any lease: while it lasts, nobody is given the group.
 *
 * Who works at free groups (a reset, a change of a domain's type) places a hold; who is about to
 * grant a group asks for one. Neither has to know the other.
 */

#include "core/model/groups.h"
#include "daemon/ledger/ledger.h"

typedef struct GroupHold {
        const char *why; /* "the type of its domain is being changed"; must last */
        bool (*covers)(const Ledger *ledger, const Group *group, const void *userdata);
        const void *userdata;
        struct GroupHold *next; /* the list's */
} GroupHold;

/* Places a hold, which stays the caller's and must last until it is dropped. */
void holds_place(Ledger *ledger, GroupHold *hold);

/* Drops it and reports EVENT_GROUP_FREED. One that was not placed is ignored. */
void holds_drop(Ledger *ledger, GroupHold *hold);

/* Why nobody is given that group now, or NULL if no hold covers it. */
const char *holds_find(const Ledger *ledger, const Group *group);

extern const Module holds_module;
