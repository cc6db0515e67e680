/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How often, and how much at once, one user may ask for what costs something.
 *
 * A user who takes and gives back groups in a loop is slowed down and not refused: each may start
 * PACE_BURST requests at once, and one more every PACE_INTERVAL_USEC. What is beyond that waits its
 * turn, unless too many calls of that user are under way already. What only looks something up in a
 * worker is paced by itself, and less, as is what only reads: one object, or all. Root is not held
 * up.
 */

#include "daemon/bus/call/call.h"

#define PACE_BURST 8
#define PACE_INTERVAL_USEC 500000
#define PACE_LOOK_INTERVAL_USEC 50000
/* What reads one object, and what reads all. */
#define PACE_READ_BURST 64
#define PACE_READ_INTERVAL_USEC 5000
#define PACE_LIST_INTERVAL_USEC 100000
/* Unanswered calls of one user; those that wait for a group are among them. */
#define PACE_CALLS_PER_UID_MAX 128
/* Those of one connection that nobody has vouched for yet. */
#define PACE_CALLS_PER_SENDER_MAX 64

typedef struct Pace Pace;

/*
 * One request is paid every `interval` microseconds, and `burst` of them may be owed. Returns 0 and
 * *ret, or -ENOMEM.
 */
_nodiscard_ int pace_new(uint64_t interval, uint64_t burst, Pace **ret_pace);

Pace *pace_free(Pace *pace);
DEFINE_CLEANUP(Pace *, pace_free);

/*
 * One more request of `uid`, at a time in microseconds that does not go back. Returns after how
 * many of them it may start; 0: now.
 */
uint64_t pace_ask(Pace *pace, uid_t uid, uint64_t now);

/* Makes and frees the rate limits of a bus, one for each MethodPace. Returns 0 or -ENOMEM. */
_nodiscard_ int pace_open(Bus *bus);
void pace_close(Bus *bus);

/* Refuses with Quota if the connection has too many calls whose caller is not known yet. */
CallVerdict pace_admit_sender(MethodCall *call);

/* Counts a call whose caller is known; refuses with Quota if the user has too many. */
CallVerdict pace_admit_user(MethodCall *call);

/*
 * Delays a call of a user who is above the rate limit of the call's row, once. A call that has been
 * delayed is resumed at CALL_STAGE_CALLER: the caller may have left meanwhile.
 */
CallVerdict pace_await_turn(MethodCall *call);
