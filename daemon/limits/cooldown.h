/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Groups that a user has given back a moment ago and may not have again at once, where the policy
 * says so (`cooldown`).
 *
 * Other users may: whoever takes and gives back in a loop leaves gaps for them. Not for root. It is
 * not kept over a restart.
 */

#include "daemon/lease/record.h"

typedef struct Ledger Ledger;
typedef struct Plan Plan;
typedef struct Cooldown Cooldown;

/* Returns 0 and *ret, or -ENOMEM. */
_nodiscard_ int cooldown_new(Ledger *ledger, Cooldown **ret_cooldown);

Cooldown *cooldown_free(Cooldown *cooldown);
DEFINE_CLEANUP(Cooldown *, cooldown_free);

/* A lease ends that its owner has had: its groups cool down, each as long as its rules say. */
void cooldown_note(Cooldown *cooldown, const LeaseRecord *record);

/* Another policy is in force: what it does not slow is to be had at once. */
void cooldown_review(Cooldown *cooldown);

/*
 * Returns 0, or REFUSAL_BUSY with the plan's message if a group of the plan is not yet to be had by
 * the one who asks. The queue is poked when it is.
 */
_nodiscard_ int cooldown_check(Cooldown *cooldown, Plan *plan);
