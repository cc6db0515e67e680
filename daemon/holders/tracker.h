/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Holder tracking: which processes hold a lease's descriptors, found in /proc by a worker.
 *
 * The answer comes to a callback. A lease for one process only is looked at again every five seconds
 * while it lasts, since the kernel does not report that a descriptor is passed on.
 */

#include "daemon/host/holders.h"
#include "daemon/ledger/ledger.h"

extern const Module holders_module;

typedef struct HoldersResult {
        int code;                  /* 0, a Refusal, or -errno */
        const char *message;       /* for users; "" if there is none */
        const HolderList *holders; /* borrowed; empty unless code is 0 */
        size_t n_killed;
} HoldersResult;

/* `lease` is the number of the question: the lease may have ended. Called exactly once. */
typedef void (*HoldersDone)(Ledger *ledger, uint32_t lease, const HoldersResult *result,
                            void *userdata);

/*
 * Finds the holders of a lease for the daemon itself, and kills those that certainly hold it if
 * `kill` is set. No quota applies. If the same `done` asks again before the answer, the tracker
 * looks once more afterwards, and answers with the first request's `userdata`.
 */
void holders_ask_own(Lease *lease, bool kill, HoldersDone done, void *userdata);

/*
 * Find the holders of a lease, or of one kernel group, leased or not, for a user. A user with too
 * many pending questions gets a Quota refusal.
 */
void holders_ask_lease(Lease *lease, uid_t uid, HoldersDone done, void *userdata);
void holders_ask_group(Ledger *ledger, int32_t group, uid_t uid, HoldersDone done, void *userdata);

/* Notes which nodes a lease's descriptors are open on: call this before they are closed. */
void holders_note_nodes(Lease *lease);

/*
 * Reports each process that holds a lease for one process only, except the first one seen. Each is
 * reported once. `list` has the present holders.
 */
void holders_judge(Lease *lease, const HolderList *list);

/* Starts or stops the timer for leases that allow one process only. Call it when leases have changed. */
void holders_review(Ledger *ledger);
