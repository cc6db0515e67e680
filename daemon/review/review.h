/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What each reading of the machine asks of a lease: what is compared, told, and done.
 *
 * The parts are called by the reconciler in this order. They change the lease's record, start upkeep
 * (daemon/work/work.h), and report events; what a lease becomes is for its lifecycle.
 */

#include "core/model/policy.h"
#include "daemon/ledger/ledger.h"

extern const Module members_module;
extern const Module recreate_module;

/*
 * Compares a lease with the world just read: what has joined, what is lost, what has returned, which
 * host drivers have been in it. Returns 0 or -errno.
 */
_nodiscard_ int lease_reconcile(Lease *lease);

/*
 * Brings the guard of a lease to what the world just read asks for: what is to be changed is put on
 * record, then a worker does it. With nothing to do for the guard, takes or expels a joiner.
 */
void lease_review_guard(Lease *lease);

/*
 * Brings lost virtual functions back where the lease's rule says so: once for each loss, and not
 * twice within a minute.
 */
void lease_review_vfs(Lease *lease);

/*
 * Reports when the guard has settled, and when it has become weaker than required, or is not any more,
 * once all has been done for it that can be.
 */
void lease_judge_guard(Lease *lease);

/* --- joiners ------------------------------------------------------------------------------------ */

typedef enum MemberWork {
        MEMBER_TAKE,
        MEMBER_EXPEL,
} MemberWork;

/*
 * Takes a joiner into its owner's hands, or off the machine until the lease ends, as soon as the upkeep's
 * worker is idle (call lease_review_guard() next). Refuses a device that is no joiner, or that
 * `who` (for a take) may not have by the policy. `done` is called exactly once; it may be NULL.
 */
void members_ask(Lease *lease, MemberWork work, Bdf bdf, const PolicyRequest *who, MemberDone done,
                 void *userdata);

/* Whether somebody waits for a joiner to be taken or expelled. */
bool members_are_asked(const Lease *lease);

/*
 * The descriptors that a virtual function has had since it was taken back, borrowed copies of the
 * lease's. Returns false if it is none.
 */
bool recreate_find_returned(const Lease *lease, Bdf bdf, VfioFds *ret_fds);
