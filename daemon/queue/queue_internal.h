/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of the queue share: its waiters (waiter.c), keeping them (keep.c) in a file
 * (file.c), adding them (queue.c) and serving them (turn.c).
 */

#include "daemon/queue/queue.h"

typedef struct Waiter {
        Ledger *ledger;
        AcquireRequest request; /* owned copy */
        LeaseDone done;         /* NULL: it has not asked this daemon yet */
        void *userdata;
        int32_t *groups; /* kernel numbers of its groups, as of the last look */
        size_t n_groups;
        char *message;       /* why it was refused then, or NULL */
        uint64_t since_usec; /* of CLOCK_BOOTTIME */
        uint64_t until_usec; /* the same; REQUEST_WAIT_FOREVER */
        char bus[LEASE_BUS_ID_SIZE]; /* the bus of its name; "": not recorded */
        bool is_served;              /* its turn has come, and it is being executed */
        struct Waiter *next;
} Waiter;

typedef struct Queue {
        struct event *turn;
        Waiter *first;  /* in the order of arrival */
        Waiter *served; /* being executed; the next daemon may have to answer */
        bool is_poked;  /* a group may be free now */
        bool is_closed; /* the daemon ends; no waiter is served */
        QueueExecute execute;
} Queue;

/* Returns the one queue of the daemon. Borrowed. */
Queue *queue_of(const Ledger *ledger);

/* A group may be free now: look through the queue soon. */
void queue_poke(Queue *queue);

/* Sets the timer for the next deadline; without waiters there is none. */
void queue_arm(Queue *queue);

/* Frees a waiter that is in no list; NULL is fine. Returns NULL. */
Waiter *waiter_free(Waiter *waiter);
DEFINE_CLEANUP(Waiter *, waiter_free);

/* Frees all waiters of a list. */
void waiters_free(Waiter *first);

/* Removes a waiter from a list; the caller owns it then. */
void waiter_take_off(Waiter **list, Waiter *waiter);

bool waiter_wants(const Waiter *waiter, int32_t group);

/* Keeps the result of the last look at its groups. Returns 0 or -ENOMEM. */
_nodiscard_ int waiter_remember(Waiter *waiter, Plan *plan);

/* Executes a plan for a waiter that is in no list, and takes the waiter over. */
void waiter_execute(Waiter *waiter, Plan *plan);

/*
 * Refuses the plan if its user, or all users together, would have too many places or bytes in the
 * file. Returns 0 or REFUSAL_QUOTA.
 */
_nodiscard_ int queue_check_room(const Queue *queue, const Waiter *waiter, Plan *plan);

/*
 * Replaces the file in the directory by the waiters of the list that have a ticket; removes it if
 * there are none. Returns 0 or -errno.
 */
_nodiscard_ int queue_state_save(const char *directory, const Waiter *first);

/* The most bytes that a waiter takes in that file. */
size_t queue_state_measure(const Waiter *waiter);

/*
 * Reads the waiters in order. Returns 0 and *ret_first (NULL if there is no file), -EBADMSG for an
 * invalid file (which was renamed to queue.rejected), or -errno.
 */
_nodiscard_ int queue_state_load(const char *directory, Waiter **ret_first);
