/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Lives of a daemon, each in its own process, on a machine of two cards: answers to requests, and
 * functions that run the loop until a condition holds.
 */

#include "daemon/lifecycle/lifecycle.h"
#include "tests/daemon/fakedaemon.h"

#define CARD "0000:01:00.0"
#define JOINER "0000:01:00.1" /* absent at first */
#define OTHER "0000:05:00.0"

/* The answer to a request; `code` is _REFUSAL_N until it arrives. */
typedef struct Answer {
        int code;
        char message[512];
        char report[128];
} Answer;

/* The last grace period that the daemon announced to an owner. */
extern unsigned frame_told_grace;

/* Unless `ok`, ends the life as failed. */
void must_be(bool ok, const char *what);

/* A ManagerDone; `userdata` is an Answer. */
void on_done(const LeaseAnswer *reply, Lease *lease, void *userdata);

/* Runs the loop until `answer` has arrived (or, with NULL, until there is no lease). */
void await(FakeDaemon *daemon, const Answer *answer);

/* Runs the loop until the first lease is in that state. */
void await_state(FakeDaemon *daemon, const char *state);

/* Acquires a persistent lease of the devices that `selector` names, as root, with force. */
void ask(FakeDaemon *daemon, const char *selector, Answer *answer);

/* Leases the card in mode vfio. */
Lease *take(FakeDaemon *daemon);

/* Revokes the first lease, and waits for the answer. */
Answer take_away(FakeDaemon *daemon, const RevokeRequest *request);

typedef void (*Life)(FakeDaemon *daemon);

/*
 * Runs `first` (NULL: none) and then the second life; each daemon starts on the state that the
 * previous one left. Returns whether both succeeded and nothing is left. With `abandoned` a worker
 * of the first may stay.
 */
_nodiscard_ bool try_lives(Life first, bool abandoned, Life life);
