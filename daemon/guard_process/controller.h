/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The sentinel's post: whether there has to be a sentinel, with which orders, and what follows from
 * its reports.
 *
 * It is manned while a group is leased that the kernel does not guard by itself. Before the first
 * order is given the watch file says so; it goes when all that was done is undone, by this daemon or
 * by the next one.
 */

#include <stdbool.h>

#include "core/model/base.h"

typedef struct Ledger Ledger;
typedef struct GuardController GuardController;

/* Returns 0 and *ret, or -ENOMEM. The manager outlives it. */
_nodiscard_ int controller_new(Ledger *ledger, GuardController **ret_post);

/* Frees it; a sentinel ends by itself. NULL is fine; returns NULL. */
GuardController *controller_free(GuardController *controller);
DEFINE_CLEANUP(GuardController *, controller_free);

/*
 * Takes up what the daemon before left; to be called once. Returns whether there is something to
 * review.
 */
bool controller_resume(GuardController *controller);

/* Writes the watch file again, if there is to be one: somebody may have removed it. */
void controller_save(const GuardController *controller);

/*
 * Brings the sentinel, its orders and the gate to what the leases ask for, as of the world just read.
 */
void controller_review(GuardController *controller);

/* Whether the kernel binds no driver to new functions by itself, as read now. */
bool controller_gate_holds(const GuardController *controller);

/* Whether the gate could be shut for a group that asks for it, as far as is known. */
bool controller_may_gate(const GuardController *controller);

/*
 * Whether a sentinel is about to take up its post, or the gate is being opened: until then the
 * guard is not what it will be. Not for longer than a worker may take.
 */
bool controller_is_settling(const GuardController *controller);

/*
 * What is known of this kernel's heeding the gate, in words, or NULL if memory is short; freed by the
 * caller.
 */
char *controller_gate_evidence(const GuardController *controller);
