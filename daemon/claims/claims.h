/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Modes in which the owner claims the groups itself: what isolationd knows of these claims, and the
 * device nodes that it lets the owner open.
 *
 * The kernel reports no claim. By our copies of the descriptors that were handed out it can be asked; a
 * worker does so every two seconds, since the question waits for a device that is being opened. A
 * group that its owner opens by path cannot be asked about.
 */

#include "daemon/ledger/ledger.h"

extern const Module claims_module;

/* Whether the lease's kernel group `number` is claimed, by us or, as far as is seen, by its owner. */
bool claims_cover(const Lease *lease, int32_t number);

/* Whether such a claim may end before the lease does. */
bool claims_may_end(const Lease *lease);

/*
 * Begins to ask for the owner's claims, in the modes where they can be seen. Of a lease that `is_new`
 * there are none yet. Returns 0 or -ENOMEM.
 */
_nodiscard_ int claims_watch(Lease *lease, bool is_new);

/* Whether it is not known yet what the owner of a resumed lease has claimed. */
bool claims_are_unknown(const Lease *lease);

/* Stops asking, and kills a worker that does. */
void claims_forget(Lease *lease);

/* Asks in this turn of the loop, if the lease is one that is asked about; and whether a worker asks. */
void claims_ask_now(Lease *lease);
bool claims_are_being_asked(const Lease *lease);

/*
 * Let the lease's user open its nodes, if it has any, or shut them. Return 0, a Refusal with
 * *ret_message, or -errno.
 */
_nodiscard_ int claims_grant_nodes(Lease *lease, char **ret_message);
_nodiscard_ int claims_revoke_nodes(Lease *lease, char **ret_message);

/* Lets the user open them again, if somebody has taken the permission away or there are new nodes. */
void claims_review_nodes(Lease *lease);
