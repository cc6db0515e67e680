/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Rate limits for each user, and limits on unanswered calls.
 *
 * A user above a rate limit is delayed, not refused: a user may start PACE_BURST requests at once,
 * and one more every PACE_INTERVAL_USEC. Further requests wait for their turn, unless the user has
 * too many unanswered calls. Calls that only start a look-up in a worker have their own limit, as
 * have calls that read one object and calls that read all objects. There is no limit for root.
 */

#include "daemon/bus/call/call.h"

#define PACE_BURST 8
#define PACE_INTERVAL_USEC 500000
#define PACE_LOOK_INTERVAL_USEC 50000
/* For calls that read one object, and calls that read all objects. */
#define PACE_READ_BURST 64
#define PACE_READ_INTERVAL_USEC 5000
#define PACE_LIST_INTERVAL_USEC 100000
/* Unanswered calls of one user, including requests in the queue. */
#define PACE_CALLS_PER_UID_MAX 128
/* Unanswered calls of one connection whose credentials are not known yet. */
#define PACE_CALLS_PER_SENDER_MAX 64

typedef struct Pace Pace;

/*
 * A limit of one request every `interval` microseconds, and `burst` requests at once. Returns 0 and
 * *ret, or -ENOMEM.
 */
_nodiscard_ int pace_new(uint64_t interval, uint64_t burst, Pace **ret_pace);

Pace *pace_free(Pace *pace);
DEFINE_CLEANUP(Pace *, pace_free);

/*
 * Counts one more request of `uid` at the time `now`, in microseconds, which must not go back.
 * Returns the delay in microseconds after which the request may start; 0: now.
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
