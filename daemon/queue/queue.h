/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Requests that wait for a lease to end: first come, first served.
 *
 * A waiter holds nothing. It is served when all its groups are free and no waiter before it wants any of
 * them, so that a request for several groups is not overtaken for ever. A request that does not wait
 * does not overtake those that do. The queue is on /run: a waiter that asks again with its ticket,
 * after the daemon has been restarted, has kept its place, also if it was just being served.
 */

#include "daemon/host/file.h"
#include "daemon/plan/plan.h"

extern const Module queue_module;      /* the data */
extern const Module queue_turn_module; /* the timer, and the events that make it look */

#define QUEUE_MAX 1024
#define QUEUE_PER_UID_MAX 64
/* Bytes of the queue's file, which is read back up to FILE_SIZE_MAX; the last MiB is root's alone. */
#define QUEUE_BYTES_MAX (FILE_SIZE_MAX - 4096)
#define QUEUE_BYTES_PER_UID_MAX (1 << 20)
/* How long the place of a waiter is kept that a new daemon has not heard of. */
#define QUEUE_ABSENCE_SECONDS 30
/* The same of one that was being served, and may have been answered with the daemon's last breath. */
#define QUEUE_SERVED_ABSENCE_SECONDS 5

/*
 * Executes a plan made from the world in force; `done` is called exactly once, before or after this
 * returns. The request is copied where that comes later.
 */
typedef void (*QueueExecute)(Plan *plan, LeaseDone done, void *userdata);

/* Sets what is done with the plan of a waiter whose turn it is. */
void queue_set_executor(Ledger *ledger, QueueExecute execute);

/* Reads what the former daemon has left. A file that is no queue is set aside. Returns 0 or -errno. */
_nodiscard_ int queue_load(Ledger *ledger);

/* Writes down who waits and who is being served; logs it if that fails. */
void queue_save(Ledger *ledger);

/*
 * Looks through the queue, in the world in force: what each waits for, and whose turn it is. A queue
 * that was read does not know what its waiters wait for before.
 */
void queue_look(Ledger *ledger);

/*
 * Puts the request of a plan that found its groups busy at the end. Returns 0 with `done` kept,
 * REFUSAL_QUOTA with the plan's message, or -ENOMEM.
 */
_nodiscard_ int queue_add(Plan *plan, LeaseDone done, void *userdata);

/*
 * Executes a plan at once. If the daemon ends before it has answered, the requester that asks again is
 * not behind those that have come since.
 */
void queue_pass(Plan *plan, LeaseDone done, void *userdata);

/*
 * If the request's ticket is in the queue, and of the same user, unit and label, `done` is answered from
 * now on, and the place lasts as long as that connection. Returns whether it is.
 */
bool queue_adopt(Ledger *ledger, const AcquireRequest *request, LeaseDone done, void *userdata);

/* Refuses a plan, as busy, whose groups somebody waits for. Returns 0 or REFUSAL_BUSY. */
_nodiscard_ int queue_check(Plan *plan);

/* The daemon ends: from here on no waiter is served. */
void queue_close(Ledger *ledger);

/* How many of this daemon's callers wait in it. */
size_t queue_count_callers(const Ledger *ledger);

/* A waiter whose name on the bus has ended, or is of another bus than this one, waits no more. */
void queue_forget_name(Ledger *ledger, const char *name);
void queue_forget_other_buses(Ledger *ledger);

bool queue_has_name(const Ledger *ledger, const char *name);
void queue_each_name(const Ledger *ledger, void (*tell)(const char *name, void *userdata),
                     void *userdata);

/* How many wait for a group of that kernel number. */
size_t queue_count(const Ledger *ledger, int32_t group);
