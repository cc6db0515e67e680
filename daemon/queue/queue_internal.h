/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The queue's parts: its waiters (waiter.c), what is kept of them (keep.c) in a file (file.c), the way in
 * (queue.c) and the way out (turn.c).
 */

#include "daemon/queue/queue.h"

typedef struct Waiter {
        Ledger *ledger;
        AcquireRequest request; /* a copy of its own */
        LeaseDone done;         /* NULL: it has not asked since this daemon began */
        void *userdata;
        int32_t *groups; /* kernel numbers of what it wants, as of the last look */
        size_t n_groups;
        char *message;       /* what stood in its way then, or NULL */
        uint64_t since_usec; /* of CLOCK_BOOTTIME */
        uint64_t until_usec; /* the same; REQUEST_WAIT_FOREVER */
        char bus[LEASE_BUS_ID_SIZE]; /* that gave its owner's name; "": not recorded */
        bool is_served;      /* it was its turn; what it wants is being taken for it */
        struct Waiter *next;
} Waiter;

typedef struct Queue {
        struct event *turn;
        Waiter *first;  /* in the order of arrival */
        Waiter *served; /* no longer of these, but not answered yet: the next daemon may have to */
        bool is_poked;  /* something may have become free */
        bool is_closed; /* the daemon ends: it serves nobody any more */
        QueueExecute execute;
} Queue;

/* The daemon's only one. Borrowed. */
Queue *queue_of(const Ledger *ledger);

/* Something may have become free: the queue is looked through soon. */
void queue_poke(Queue *queue);

/* Sets the timer for what comes next; without a waiter there is none. */
void queue_arm(Queue *queue);

/* Frees one that is in no list; NULL is fine. Returns NULL. */
Waiter *waiter_free(Waiter *waiter);
DEFINE_CLEANUP(Waiter *, waiter_free);

/* Takes a waiter off a list; it is the caller's then. */
void waiter_take_off(Waiter **list, Waiter *waiter);

bool waiter_wants(const Waiter *waiter, int32_t group);

/* Keeps what the last look at a waiter's groups has shown. Returns 0 or -ENOMEM. */
_nodiscard_ int waiter_remember(Waiter *waiter, Plan *plan);

/* Executes a plan for a waiter, taken over, which is in no list. */
void waiter_execute(Waiter *waiter, Plan *plan);

/*
 * Whether there is room for one more: refuses the plan if its user, or all users together, would have
 * too many places or more bytes than their file may have. Returns 0 or REFUSAL_QUOTA.
 */
_nodiscard_ int queue_check_room(const Queue *queue, const Waiter *waiter, Plan *plan);

/*
 * Replaces the file in the directory by those of the list that have a ticket; without any it is
 * removed. Returns 0 or -errno.
 */
_nodiscard_ int queue_state_save(const char *directory, const Waiter *first);

/* How many bytes of that file a waiter takes at most. */
size_t queue_state_measure(const Waiter *waiter);

/*
 * Reads them back, in their order. Returns 0 and *ret (NULL if there is no file), -EBADMSG for what
 * is no such file (it has been renamed to queue.rejected), or -errno.
 */
_nodiscard_ int queue_state_load(const char *directory, Waiter **ret_first);
