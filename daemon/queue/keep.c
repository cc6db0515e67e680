/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Keeps the queue over a restart of the daemon: reads what the former daemon left, and writes what
 * the next one will find.
 */

#include <errno.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/queue/queue_internal.h"

/* How much a list has already, of all users and of one user. */
typedef struct Occupancy {
        uid_t uid;
        size_t n, mine, bytes, bytes_mine;
} Occupancy;

static void count_list(const Waiter *first, Occupancy *occupancy)
{
        for (const Waiter *waiter = first; waiter; waiter = waiter->next) {
                bool is_mine = waiter->request.who.uid == occupancy->uid;
                size_t bytes = queue_state_measure(waiter);

                occupancy->n++;
                occupancy->mine += is_mine;
                occupancy->bytes += bytes;
                occupancy->bytes_mine += is_mine ? bytes : 0;
        }
}

int queue_check_room(const Queue *queue, const Waiter *waiter, Plan *plan)
{
        Occupancy now = {.uid = waiter->request.who.uid}, served = {.uid = waiter->request.who.uid};
        size_t bytes = queue_state_measure(waiter);
        bool is_root = now.uid == 0;

        count_list(queue->first, &now);
        count_list(queue->served, &served);
        if (now.mine >= QUEUE_PER_UID_MAX && !is_root)
                return plan_refuse(plan, REFUSAL_QUOTA,
                                   "uid %u has %zu requests waiting "
                                   "already",
                                   now.uid, now.mine);
        if (now.n >= QUEUE_MAX)
                return plan_refuse(plan, REFUSAL_QUOTA, "%zu requests wait already", now.n);
        if (!is_root && now.bytes_mine + served.bytes_mine + bytes > QUEUE_BYTES_PER_UID_MAX)
                return plan_refuse(plan, REFUSAL_QUOTA,
                                   "the waiting requests of uid %u would take more than %d KiB; "
                                   "name fewer devices",
                                   now.uid, QUEUE_BYTES_PER_UID_MAX / 1024);
        if (now.bytes + served.bytes + bytes >
            (is_root ? QUEUE_BYTES_MAX : QUEUE_BYTES_MAX - QUEUE_BYTES_PER_UID_MAX))
                return plan_refuse(plan, REFUSAL_QUOTA,
                                   "all waiting requests would take more than %d KiB together; "
                                   "try again when some have ended",
                                   QUEUE_BYTES_MAX / 1024);
        return 0;
}

void queue_save(Ledger *ledger)
{
        Queue *queue = queue_of(ledger);
        Waiter **end = &queue->served;

        while (*end)
                end = &(*end)->next;
        *end = queue->first; /* write both lists as one */
        int r = queue_state_save(ledger->state_directory, queue->served);
        *end = NULL;
        if (r < 0)
                log_error("the queue cannot be written to %s: %s; a restart would lose it",
                          ledger->state_directory, strerror(-r));
}

int queue_load(Ledger *ledger)
{
        Queue *queue = queue_of(ledger);
        uint64_t now = clock_usec(CLOCK_BOOTTIME);
        size_t n = 0;

        int r = queue_state_load(ledger->state_directory, &queue->first);
        if (r == -EBADMSG) {
                log_error("%s/queue is not a valid queue file and was set aside: waiting requests "
                          "have lost their places",
                          ledger->state_directory);
                return 0;
        }
        for (Waiter *waiter = queue->first; waiter; waiter = waiter->next, n++) {
                uint64_t until =
                        now + USEC_PER_SEC * (waiter->is_served ? QUEUE_SERVED_ABSENCE_SECONDS
                                                                : QUEUE_ABSENCE_SECONDS);

                waiter->ledger = ledger;
                waiter->is_served = false;
                if (waiter->until_usec > until)
                        waiter->until_usec = until;
        }
        if (n > 0)
                log_notice("%zu requests keep their places in the queue for up to %d s", n,
                           QUEUE_ABSENCE_SECONDS);
        queue_poke(queue);
        return r;
}
