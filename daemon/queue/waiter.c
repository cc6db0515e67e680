/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The list of waiters, in order of arrival, and one timer: for the next deadline, or at once if a
 * group may have become free.
 */

#include <errno.h>
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/base/event.h"
#include "daemon/base/list.h"
#include "daemon/base/log.h"
#include "daemon/queue/queue_internal.h"

Waiter *waiter_free(Waiter *waiter)
{
        if (!waiter)
                return NULL;
        request_clear(&waiter->request);
        free(waiter->groups);
        free(waiter->message);
        free(waiter);
        return NULL;
}

void waiters_free(Waiter *first)
{
        LIST_FREE(first, waiter_free);
}

static void clear(void *data)
{
        Queue *queue = data;

        waiters_free(queue->first);
        waiters_free(queue->served);
        event_freep(&queue->turn);
}

const Module queue_module = {.name = "queue", .size = sizeof(Queue), .clear = clear};

Queue *queue_of(const Ledger *ledger)
{
        return module_data(ledger, &queue_module);
}

void queue_arm(Queue *queue)
{
        uint64_t next = REQUEST_WAIT_FOREVER, now = clock_usec(CLOCK_BOOTTIME);

        (void)evtimer_del(queue->turn);
        for (const Waiter *waiter = queue->first; waiter; waiter = waiter->next)
                if (waiter->until_usec < next)
                        next = waiter->until_usec;
        if (!queue->first || (!queue->is_poked && next == REQUEST_WAIT_FOREVER))
                return;
        if (timer_arm(queue->turn, queue->is_poked || next <= now ? 0 : next - now) < 0)
                log_broken(-ENOMEM);
}

void queue_poke(Queue *queue)
{
        if (!queue->first)
                return;
        queue->is_poked = true;
        queue_arm(queue);
}

void waiter_take_off(Waiter **list, Waiter *waiter)
{
        LIST_UNLINK(*list, waiter);
        waiter->next = NULL;
}

bool waiter_wants(const Waiter *waiter, int32_t group)
{
        for (size_t i = 0; i < waiter->n_groups; i++)
                if (waiter->groups[i] == group)
                        return true;
        return false;
}

size_t queue_count_callers(const Ledger *ledger)
{
        size_t n = 0;

        for (const Waiter *waiter = queue_of(ledger)->first; waiter; waiter = waiter->next)
                n += waiter->done ? 1 : 0;
        return n;
}

size_t queue_count(const Ledger *ledger, int32_t group)
{
        size_t n = 0;

        for (const Waiter *waiter = queue_of(ledger)->first; waiter; waiter = waiter->next)
                n += waiter_wants(waiter, group);
        return n;
}

void queue_close(Ledger *ledger)
{
        queue_of(ledger)->is_closed = true;
}
