/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The lifecycle of a lease: taken, settled, leased, revoked, given back, quarantined.
 *
 * A table says what follows an event in a state (daemon/lifecycle/table.h). One executor
 * (execute.c) carries it out. Other modules report events (daemon/ledger/module.h) or make one of
 * the requests below; they never change the state of a lease themselves.
 */

#include "daemon/ledger/ledger.h"
#include "daemon/plan/plan.h"

extern const Module lifecycle_module; /* the executor; handles the events that concern a lease */
extern const Module life_module;      /* the data that the executor and its actions share */
extern const Module life_wait_module; /* workers that hang */

/*
 * Makes a lease of a plan for the world in force, and starts to take it. Calls `done` exactly once,
 * before or after this returns. The plan must not have parked groups.
 */
void lifecycle_grant(Plan *plan, LeaseDone done, void *userdata);

/* Gives a lease back. Answers when the host is restored, or at the deadline. `done` may be NULL. */
void lease_release(Lease *lease, LeaseDone done, void *userdata);

typedef struct RevokeRequest {
        bool kill;      /* kill processes that have it open after the grace period */
        bool has_grace; /* else the grace period of the policy applies */
        unsigned grace; /* seconds */
} RevokeRequest;

/*
 * Revokes a lease: tells its owner, and gives it back when the grace period is over or the owner
 * has closed its lease fd. Answers as a release does.
 */
void lease_revoke(Lease *lease, const RevokeRequest *request, LeaseDone done, void *userdata);

/*
 * Resumes a lease that a former daemon left, as its record says. `is_complete`: all its descriptors
 * were kept. Continues it, or gives it back.
 */
void lifecycle_resume(Lease *lease, bool is_complete);

/* Adds a lease that is quarantined from its start. */
void lifecycle_adopt_quarantined(Lease *lease);

/* Says what is wrong with a lease; "" if nothing is. Borrowed. */
const char *lease_trouble(const Lease *lease);

/* Says why its owner may be unable to map the memory that it named, or NULL. Borrowed. */
const char *lease_memory_warning(const Lease *lease);

/* Whether a worker takes it or gives it back, and is not blocked. */
bool lease_is_at_work(const Lease *lease);

/* Whether its requester waits for the guard to settle (EVENT_GUARD_SETTLED); or for any answer. */
bool lease_awaits_guard(const Lease *lease);
bool lease_has_waiter(const Lease *lease);
