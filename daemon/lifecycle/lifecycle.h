/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The lifecycle of a lease: taken, settled, leased, revoked, given back, quarantined.
 *
 * What follows which event in which state is a table (daemon/lifecycle/table.h), carried out by one
 * executor (execute.c). Other modules report events (daemon/ledger/module.h) or make one of the
 * requests below; they never change a lease's state themselves.
 */

#include "daemon/ledger/ledger.h"
#include "daemon/plan/plan.h"

extern const Module lifecycle_module; /* the executor; handles the events that concern a lease */
extern const Module life_module;      /* the data that the executor and its actions share */
extern const Module life_wait_module; /* workers that hang */

/*
 * Makes a lease of a plan, made from the world in force, and starts to take it. `done` is called
 * exactly once, before or after this returns. A plan with parked groups is not for this.
 */
void lifecycle_grant(Plan *plan, LeaseDone done, void *userdata);

/*
 * Gives a lease back. The answer comes when the host is as it was before the lease, or the deadline has
 * passed. `done` may be NULL.
 */
void lease_release(Lease *lease, LeaseDone done, void *userdata);

typedef struct RevokeRequest {
        bool kill;      /* processes that have it open when the grace period is over */
        bool has_grace; /* else the policy's grace period applies */
        unsigned grace; /* seconds */
} RevokeRequest;

/*
 * Takes a lease away: its owner is told, and when the grace period is over, or the owner has let go, it
 * is given back. Answered as a release is.
 */
void lease_revoke(Lease *lease, const RevokeRequest *request, LeaseDone done, void *userdata);

/*
 * Takes up a lease that a former daemon left, whose record says what there was: `is_complete`: all
 * its descriptors were kept. Goes on with it, or gives it back.
 */
void lifecycle_resume(Lease *lease, bool is_complete);

/* Takes up a lease that is in quarantine from its beginning. */
void lifecycle_adopt_quarantined(Lease *lease);

/* Why a lease is not as it should be, in words; "" if it is. Borrowed. */
const char *lease_trouble(const Lease *lease);

/* Why its owner may not be able to map the memory that it named, or NULL. Borrowed. */
const char *lease_memory_warning(const Lease *lease);

/* Whether a worker takes it or gives it back, and nothing keeps that worker waiting. */
bool lease_is_at_work(const Lease *lease);

/* Whether its requester waits for the guard to settle (EVENT_GUARD_SETTLED); or for any answer. */
bool lease_awaits_guard(const Lease *lease);
bool lease_has_waiter(const Lease *lease);
