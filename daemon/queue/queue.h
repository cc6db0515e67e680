/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Who waits for a lease to end: first come, first served.
 *
 * A waiter holds nothing. It is served when all its groups can be had and nobody before it wants
 * any of them, so that who waits for several is not overtaken for ever; and who does not wait does
 * not overtake those who do. The queue is on /run: a waiter that asks again with its ticket, after
 * the daemon has been restarted, has kept its place, also if that came while it was being served.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/model/base.h"
#include "daemon/host/file.h"

typedef struct Ledger Ledger;
typedef struct Queue Queue;
typedef struct Lease Lease;
typedef struct Plan Plan;
struct AcquireRequest;
struct LeaseAnswer;

#define QUEUE_MAX 1024
#define QUEUE_PER_UID_MAX 64
/* Bytes of the queue's file, which is read back up to FILE_SIZE_MAX; the last MiB is root's alone. */
#define QUEUE_BYTES_MAX (FILE_SIZE_MAX - 4096)
#define QUEUE_BYTES_PER_UID_MAX (1 << 20)
/* How long the place of a waiter is kept that a new daemon has not heard of. */
#define QUEUE_ABSENCE_SECONDS 30
/* The same of one that was being served, and may have been answered with the daemon's last breath. */
#define QUEUE_SERVED_ABSENCE_SECONDS 5

typedef void (*QueueDone)(const struct LeaseAnswer *answer, Lease *lease, void *userdata);

/* Returns 0 and *ret, or -ENOMEM. The manager outlives it. */
_nodiscard_ int queue_new(Ledger *ledger, Queue **ret_queue);

/* Frees it; its file stays, and who waits is not answered. NULL is fine; returns NULL. */
Queue *queue_free(Queue *queue);
DEFINE_CLEANUP(Queue *, queue_free);

/* Reads what the daemon before has left. A file that is none is set aside. Returns 0 or -errno. */
_nodiscard_ int queue_load(Queue *queue);

/* Writes down who waits and who is being served; says so in the log if it cannot. */
void queue_save(Queue *queue);

/*
 * Looks through the queue, in the world in force: what each waits for, and whose turn it is. Of a queue
 * that was read nobody knows what it waits for before.
 */
void queue_look(Queue *queue);

/*
 * Puts the request of a plan that found its groups busy at the end. Returns 0 with `done` kept,
 * REFUSAL_QUOTA with the plan's message, or -ENOMEM.
 */
_nodiscard_ int queue_add(Queue *queue, Plan *plan, QueueDone done, void *userdata);

/*
 * Executes a plan at once (plan_execute()) for who would have waited: what it asks again, if the daemon
 * ends before it has answered, is not behind those who have come since.
 */
void queue_pass(Queue *queue, Plan *plan, QueueDone done, void *userdata);

/*
 * If the request's ticket is in the queue, and of the same user, unit and label, `done` is who will
 * be answered from now on, and waits as long as that connection lasts. Returns whether it is.
 */
bool queue_adopt(Queue *queue, const struct AcquireRequest *request, QueueDone done,
                 void *userdata);

/* Refuses a plan, as busy, whose groups somebody waits for. Returns 0 or REFUSAL_BUSY. */
_nodiscard_ int queue_check(const Queue *queue, Plan *plan);

/* The daemon ends: from here on nobody is served who waits. */
void queue_close(Queue *queue);

/* How many of this daemon's callers wait in it. */
size_t queue_count_callers(const Queue *queue);

/* Something may have become free: the queue is looked through soon. */
void queue_poke(Queue *queue);

/* Whose name on the bus has ended waits no more. */
void queue_forget_name(Queue *queue, const char *name);

/* Nor does a waiter whose name another bus gave than the one that the manager has met. */
void queue_meet_bus(Queue *queue);

bool queue_has_name(const Queue *queue, const char *name);
void queue_each_name(const Queue *queue, void (*tell)(const char *name, void *userdata),
                     void *userdata);

/* How many wait for a group of that kernel number. */
size_t queue_count(const Queue *queue, int32_t group);

/* Whether anybody does. */
static inline bool queue_wants(const Queue *queue, int32_t group)
{
        return queue_count(queue, group) > 0;
}
