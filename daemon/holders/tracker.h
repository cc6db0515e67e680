/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The census: who holds a lease's descriptors, asked of /proc by a worker.
 *
 * Nobody waits for it: the answer comes to a callback. For leases that allow one process only it is
 * taken again while one of them lasts, for the kernel tells nobody of a descriptor that is handed on.
 */

#include "daemon/host/holders.h"

typedef struct HolderTracker HolderTracker;
typedef struct Lease Lease;
typedef struct Ledger Ledger;

typedef struct HoldersResult {
        int code;                  /* 0, a Refusal, or -errno */
        const char *message;       /* for people; "" if there is none */
        const HolderList *holders; /* borrowed; empty unless code is 0 */
        size_t n_killed;
} HoldersResult;

/* `lease` is the number that was asked for: the lease may have ended. Called exactly once. */
typedef void (*HoldersDone)(Ledger *ledger, uint32_t lease, const HoldersResult *result,
                           void *userdata);

/* Returns 0 and *ret, or -ENOMEM. The manager outlives it. */
_nodiscard_ int holder_tracker_new(Ledger *ledger, HolderTracker **ret_census);

/* Frees it; who waits for an answer gets none. NULL is fine; returns NULL. */
HolderTracker *holder_tracker_free(HolderTracker *holder_tracker);
DEFINE_CLEANUP(HolderTracker *, holder_tracker_free);

/*
 * Finds a lease's holders for the daemon itself, and kills those that hold for certain if asked: no
 * quota keeps it from that. Asked again with the same `done` before the answer, it looks once more
 * after it, and then answers with the first one's `userdata`.
 */
void holders_ask_own(Lease *lease, bool kill, HoldersDone done, void *userdata);

/*
 * Finds them for a user; and those of one group of the kernel's, leased or not. A user who asks too
 * much at once is answered with Quota.
 */
void holders_ask_lease(Lease *lease, uid_t uid, HoldersDone done, void *userdata);
void holders_ask_group(Ledger *ledger, int32_t group, uid_t uid, HoldersDone done, void *userdata);

/* Notes what a lease's nodes are while they have names: before its descriptors are closed. */
void holders_note_nodes(Lease *lease);

/*
 * Tells of who holds a lease that is for one process only, besides that one. The first that was seen
 * is the one; each other is told of once. For those who have a list at hand.
 */
void holders_judge(Lease *lease, const HolderList *list);

/* Looks after leases that allow one process only: whenever leases have come or gone. */
void holders_review(HolderTracker *holder_tracker);
