/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What each reading of the machine means for a lease: comparisons, reports and repairs.
 *
 * The reconciler calls these functions in this order. They change the record of the lease, start
 * upkeep (daemon/work/work.h), and report events. The lifecycle decides what becomes of the lease.
 */

#include "core/model/policy.h"
#include "daemon/ledger/ledger.h"

extern const Module members_module;
extern const Module recreate_module;

/*
 * Compares a lease with the world just read: devices that have joined, are lost or have returned,
 * and host drivers that were bound. Returns 0 or -errno.
 */
_nodiscard_ int lease_reconcile(Lease *lease);

/*
 * Adapts the guard of a lease to the world just read: puts the changes on record, then starts a
 * worker that makes them. If the guard needs nothing, takes or expels a joiner.
 */
void lease_review_guard(Lease *lease);

/*
 * Brings lost virtual functions back if the lease's rule says so: once for each loss, and not twice
 * within a minute.
 */
void lease_review_vfs(Lease *lease);

/*
 * Once everything possible has been done for the guard, reports when it has settled, and when it
 * becomes weaker than required, or no longer is.
 */
void lease_judge_guard(Lease *lease);

/* --- joiners ------------------------------------------------------------------------------------ */

typedef enum MemberWork {
        MEMBER_TAKE,
        MEMBER_EXPEL,
} MemberWork;

/*
 * Takes a joiner for its owner, or expels it until the lease ends, as soon as the worker of the
 * upkeep is idle (call lease_review_guard() next). Refuses a device that is no joiner, or that
 * `who` (for a take) may not have by the policy. Calls `done` exactly once; `done` may be NULL.
 */
void members_ask(Lease *lease, MemberWork work, Bdf bdf, const PolicyRequest *who, MemberDone done,
                 void *userdata);

/* Whether a request to take or expel a joiner is pending. */
bool members_are_asked(const Lease *lease);

/*
 * Gets the descriptors of a virtual function that was taken back, as borrowed copies. Returns false
 * if it was not taken back.
 */
bool recreate_find_returned(const Lease *lease, Bdf bdf, VfioFds *ret_fds);
