/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Modes in which the owner claims the groups itself: what the daemon knows of these claims, and the
 * device nodes that it lets the owner open.
 *
 * The kernel does not report a claim, but it answers questions about the daemon's copies of the
 * descriptors that the owner got. A worker asks every two seconds: the question blocks while a
 * device is being opened. If the owner opens a group by path, the daemon cannot ask.
 */

#include "daemon/ledger/ledger.h"

extern const Module claims_module;

/* Whether the daemon or, as far as the daemon knows, the owner claims the kernel group `number`. */
bool claims_cover(const Lease *lease, int32_t number);

/* Whether such a claim may end before the lease does. */
bool claims_may_end(const Lease *lease);

/*
 * Starts to ask for the owner's claims, in the modes where the kernel shows them. A lease that
 * `is_new` has no claims yet. Returns 0 or -ENOMEM.
 */
_nodiscard_ int claims_watch(Lease *lease, bool is_new);

/* Whether the daemon does not know yet what the owner of a resumed lease has claimed. */
bool claims_are_unknown(const Lease *lease);

/* Stops asking, and kills a worker that asks. */
void claims_forget(Lease *lease);

/*
 * claims_ask_now() asks in this turn of the loop, if the lease's claims can be seen.
 * claims_are_being_asked() returns whether a worker asks.
 */
void claims_ask_now(Lease *lease);
bool claims_are_being_asked(const Lease *lease);

/*
 * Let the lease's user open its device nodes, if it has any; or take this right away. Return 0, a
 * Refusal with *ret_message, or -errno.
 */
_nodiscard_ int claims_grant_nodes(Lease *lease, char **ret_message);
_nodiscard_ int claims_revoke_nodes(Lease *lease, char **ret_message);

/* Lets the user open the nodes again, if that right was removed or there are new nodes. */
void claims_review_nodes(Lease *lease);
