/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reserved groups between leases: parked, where the policy says so, in a lease of the daemon's own.
 *
 * A reservation keeps host drivers off a device by its override; what joins its group is nobody's
 * business then. Parked, the group is owned: the kernel refuses every host driver in it, and nothing
 * is mapped for its members' DMA. Whoever may lease the group gets it as if it were free.
 */

#include "core/model/base.h"

typedef struct Ledger Ledger;
typedef struct Park Park;
struct AcquireRequest;
struct LeaseAnswer;
typedef struct Lease Lease;

/* Returns 0 and *ret, or -ENOMEM. The manager outlives it. */
_nodiscard_ int park_new(Ledger *ledger, Park **ret_park);

/* Frees it; who waits for a group is not answered. NULL is fine; returns NULL. */
Park *park_free(Park *park);
DEFINE_CLEANUP(Park *, park_free);

/* Parks what is to be parked, and gives up what is not any more, as of the world just read. */
void park_review(Park *park);

/* What could not be parked is tried again: the policy is another one. */
void park_forget(Park *park);

/*
 * Gives up the parked groups among `groups` (indices into the groups in force), then asks for the
 * lease again. Answered as manager_acquire() is.
 */
void park_yield(Park *park, const size_t *groups, size_t n_groups,
                const struct AcquireRequest *request,
                void (*done)(const struct LeaseAnswer *answer, Lease *lease, void *userdata),
                void *userdata);
