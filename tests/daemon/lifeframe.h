/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Lives of a daemon that ends in a process of its own, on a machine of two cards: what somebody is
 * answered, and turns of the loop until something is so.
 */

#include "daemon/lifecycle/lifecycle.h"
#include "tests/daemon/fakedaemon.h"

#define CARD "0000:01:00.0"
#define JOINER "0000:01:00.1" /* not there at first */
#define OTHER "0000:05:00.0"

/* What somebody has been answered; `code` is _REFUSAL_N before. */
typedef struct Answer {
        int code;
        char message[512];
        char report[128];
} Answer;

/* The grace that an owner was told of last. */
extern unsigned frame_told_grace;

/* Ends the life, which has gone wrong, unless `ok`. */
void must_be(bool ok, const char *what);

/* A ManagerDone; `userdata` is an Answer. */
void on_done(const LeaseAnswer *reply, Lease *lease, void *userdata);

/* Turns the loop until somebody is answered (or, with NULL, until there is no lease). */
void await(FakeDaemon *daemon, const Answer *answer);

/* Turns it until the first lease is in that state. */
void await_state(FakeDaemon *daemon, const char *state);

/* Root asks for a persistent lease of what `selector` names, by force. */
void ask(FakeDaemon *daemon, const char *selector, Answer *answer);

/* Leases the card in mode vfio. */
Lease *take(FakeDaemon *daemon);

/* Revokes the first lease, and waits for the answer. */
Answer take_away(FakeDaemon *daemon, const RevokeRequest *request);

typedef void (*Life)(FakeDaemon *daemon);

/*
 * Runs `first` (NULL: none) and the one after it, each a daemon started on what was left. Returns
 * whether both went well and nothing is left. With `abandoned` a worker of the first may stay.
 */
_nodiscard_ bool try_lives(Life first, bool abandoned, Life life);
