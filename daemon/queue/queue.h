/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Requests that wait for a lease to end: first come, first served.
 *
 * A waiter holds nothing. It is served when all its groups are free and no earlier waiter wants any
 * of them, so a request for several groups cannot be overtaken for ever. A request that does not
 * wait cannot overtake waiters. The queue is kept on /run: a waiter that asks again with its
 * ticket, after the daemon has restarted, has kept its place, even if it was just being served.
 */

#include "daemon/host/file.h"
#include "daemon/plan/plan.h"

extern const Module queue_module;      /* the data */
extern const Module queue_turn_module; /* the timer, and the events after which it looks */

#define QUEUE_MAX 1024
#define QUEUE_PER_UID_MAX 64
/*
 * The largest size of the queue's file in bytes. The daemon reads up to FILE_SIZE_MAX. The last MiB
 * is for root.
 */
#define QUEUE_BYTES_MAX (FILE_SIZE_MAX - 4096)
#define QUEUE_BYTES_PER_UID_MAX (1 << 20)
/* How long a new daemon keeps the place of a waiter that does not ask again. */
#define QUEUE_ABSENCE_SECONDS 30
/*
 * The same for a waiter that was being served: the former daemon may have answered it just before
 * its end.
 */
#define QUEUE_SERVED_ABSENCE_SECONDS 5

/*
 * Executes a plan that was made from the world in force. Calls `done` exactly once, before or after
 * this returns. Copies the request if it answers later.
 */
typedef void (*QueueExecute)(Plan *plan, LeaseDone done, void *userdata);

/* Sets the function that executes the plan of a waiter whose turn it is. */
void queue_set_executor(Ledger *ledger, QueueExecute execute);

/*
 * Reads the queue that the former daemon left. An invalid file is set aside. Returns 0 or -errno.
 */
_nodiscard_ int queue_load(Ledger *ledger);

/* Writes the waiters and those being served to the file; logs a failure. */
void queue_save(Ledger *ledger);

/*
 * Looks through the queue in the world in force: what each waiter waits for, and whose turn it is.
 * A queue just read from its file does not know the groups of its waiters before.
 */
void queue_look(Ledger *ledger);

/*
 * Adds the request of a plan with busy groups at the end. Returns 0 and keeps `done`, REFUSAL_QUOTA
 * with the plan's message, or -ENOMEM.
 */
_nodiscard_ int queue_add(Plan *plan, LeaseDone done, void *userdata);

/*
 * Executes a plan at once. If the daemon ends before it answers, the requester keeps its place
 * before later ones when it asks again.
 */
void queue_pass(Plan *plan, LeaseDone done, void *userdata);

/*
 * If the ticket of the request is in the queue, with the same user, unit and label, that place now
 * answers `done`, and lasts as long as the new connection. Returns whether it is.
 */
bool queue_adopt(Ledger *ledger, const AcquireRequest *request, LeaseDone done, void *userdata);

/* Refuses a plan as busy if a waiter wants one of its groups. Returns 0 or REFUSAL_BUSY. */
_nodiscard_ int queue_check(Plan *plan);

/* The daemon ends: serve no waiter from now on. */
void queue_close(Ledger *ledger);

/* The number of callers of this daemon that wait. */
size_t queue_count_callers(const Ledger *ledger);

/*
 * A waiter whose name on the bus has ended, or, if that is NULL, is of another bus than this one,
 * waits no more.
 */
void queue_forget(Ledger *ledger, const char *name);

bool queue_has_name(const Ledger *ledger, const char *name);
void queue_each_name(const Ledger *ledger, void (*tell)(const char *name, void *userdata),
                     void *userdata);

/* The number of waiters for a group with that kernel number. */
size_t queue_count(const Ledger *ledger, int32_t group);
