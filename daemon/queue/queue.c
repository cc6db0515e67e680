/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The entry of the queue: adding requests, and executing those that need not wait. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/queue/queue_internal.h"

void queue_set_executor(Ledger *ledger, QueueExecute execute)
{
        queue_of(ledger)->execute = execute;
}

int waiter_remember(Waiter *waiter, Plan *plan)
{
        int32_t *groups = calloc(plan->n_groups + 1, sizeof(*groups));

        if (!groups)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_groups; i++)
                groups[i] = plan_group(plan, i)->kernel_group;
        free(waiter->groups);
        waiter->groups = groups;
        waiter->n_groups = plan->n_groups;
        if (plan->message) {
                free(waiter->message);
                waiter->message = TAKE_PTR(plan->message);
        }
        return 0;
}

int queue_check(Plan *plan)
{
        for (size_t i = 0; i < plan->n_groups; i++) {
                size_t n = queue_count(plan->ledger, plan_group(plan, i)->kernel_group);

                if (n > 0)
                        return plan_refuse(plan, REFUSAL_BUSY,
                                           "group %s: %zu request%s for it before this one "
                                           "(--wait adds this one behind them)",
                                           plan_group(plan, i)->id, n,
                                           n == 1 ? " waits" : "s wait");
        }
        return 0;
}

/* --- in -----------------------------------------------------------------------------------------
 */

/* Ends the wait when its name on the bus ends. The wait may be over when this returns. */
static void watch_name(const Waiter *waiter)
{
        char name[LEASE_OWNER_NAME_SIZE];

        if (!waiter->request.who.name)
                return;
        (void)snprintf(name, sizeof(name), "%s", waiter->request.who.name);
        ledger_need_name(waiter->ledger, name);
}

static uint64_t end_of_wait(const AcquireRequest *request)
{
        uint64_t now = clock_usec(CLOCK_BOOTTIME);

        return request->wait_usec < REQUEST_WAIT_FOREVER - now ? now + request->wait_usec
                                                               : REQUEST_WAIT_FOREVER;
}

static int make(const Plan *plan, LeaseDone done, void *userdata, Waiter **ret_waiter)
{
        _cleanup_(waiter_freep) Waiter *waiter = calloc(1, sizeof(*waiter));

        if (!waiter)
                return -ENOMEM;
        int r = request_copy(plan->request, &waiter->request);
        if (r < 0)
                return r;
        waiter->ledger = plan->ledger;
        waiter->done = done;
        waiter->userdata = userdata;
        memcpy(waiter->bus, plan->ledger->bus_id, sizeof(waiter->bus));
        waiter->since_usec = clock_usec(CLOCK_BOOTTIME);
        waiter->until_usec = end_of_wait(plan->request);
        *ret_waiter = TAKE_PTR(waiter);
        return 0;
}

int queue_add(Plan *plan, LeaseDone done, void *userdata)
{
        Queue *queue = queue_of(plan->ledger);
        _cleanup_(waiter_freep) Waiter *waiter = NULL;
        Waiter **at = &queue->first;

        int r = make(plan, done, userdata, &waiter);
        if (r == 0)
                r = queue_check_room(queue, waiter, plan);
        if (r == 0)
                r = waiter_remember(waiter, plan);
        if (r != 0)
                return r;
        log_info("uid %u%s%s waits: %s", waiter->request.who.uid,
                 waiter->request.who.unit[0] ? ", " : "", waiter->request.who.unit,
                 waiter->message ? waiter->message : "");
        while (*at)
                at = &(*at)->next;
        *at = TAKE_PTR(waiter);
        queue_save(plan->ledger);
        queue_arm(queue);
        watch_name(*at);
        return 0;
}

static bool is_same(const char *a, const char *b)
{
        return a && b ? strcmp(a, b) == 0 : a == b;
}

/*
 * Whether the requester is the one that waits with that ticket. Rules may depend on all these
 * properties.
 */
static bool is_of(const AcquireRequest *waiting, const AcquireRequest *request)
{
        return waiting->ticket && strcmp(waiting->ticket, request->ticket) == 0 &&
               waiting->who.uid == request->who.uid &&
               is_same(waiting->who.unit, request->who.unit) &&
               is_same(waiting->who.label, request->who.label);
}

/* The requester has another connection, perhaps another process. Returns 0 or -ENOMEM. */
static int renew(AcquireRequest *waiting, const AcquireRequest *request)
{
        AcquireRequest copy;

        int r = request_copy(request, &copy);
        if (r < 0)
                return r;
        const Requester before = waiting->who;
        copy.who.path_uid = before.path_uid;
        waiting->who = copy.who;
        copy.who = before;
        request_clear(&copy);
        return 0;
}

bool queue_adopt(Ledger *ledger, const AcquireRequest *request, LeaseDone done, void *userdata)
{
        Queue *queue = queue_of(ledger);

        for (Waiter *waiter = queue->first; waiter && request->ticket; waiter = waiter->next) {
                if (!is_of(&waiter->request, request))
                        continue;
                if (renew(&waiter->request, request) < 0)
                        return false;
                memcpy(waiter->bus, ledger->bus_id, sizeof(waiter->bus));
                LeaseDone before = waiter->done;
                void *userdata_before = waiter->userdata;
                waiter->done = done;
                waiter->userdata = userdata;
                waiter->until_usec = end_of_wait(request);
                queue_save(ledger);
                queue_poke(queue);
                watch_name(waiter);
                lease_answer(before, userdata_before, REFUSAL_CHANGED,
                             "another request came with the same ticket");
                return true;
        }
        return false;
}

/* --- served -------------------------------------------------------------------------------------
 */

/*
 * Answers first, then writes the file. If the daemon ends in between, the file keeps a place for
 * some seconds that nobody asks for. The other order could lose the place of a waiter.
 */
static void on_served(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        _cleanup_(waiter_freep) Waiter *waiter = userdata;

        waiter->done(answer, lease, waiter->userdata);
        waiter_take_off(&queue_of(waiter->ledger)->served, waiter);
        queue_save(waiter->ledger);
}

void waiter_execute(Waiter *waiter, Plan *plan)
{
        Queue *queue = queue_of(waiter->ledger);

        waiter->next = queue->served;
        queue->served = waiter;
        waiter->is_served = true;
        queue_save(waiter->ledger);
        queue->execute(plan, on_served, waiter);
}

void queue_pass(Plan *plan, LeaseDone done, void *userdata)
{
        const Queue *queue = queue_of(plan->ledger);
        _cleanup_(waiter_freep) Waiter *waiter = NULL;

        /*
         * A request for a parked group is made again and may still wait; or this is that second
         * one.
         */
        if (!plan->request->ticket || plan->has_parked || plan->request->is_served ||
            make(plan, done, userdata, &waiter) < 0)
                return queue->execute(plan, done, userdata);
        if (queue_check_room(queue, waiter, plan) == 0)
                return waiter_execute(TAKE_PTR(waiter), plan);
        /* There is no room to keep its place. It needs the place only if the daemon ends now. */
        free(TAKE_PTR(plan->message));
        queue->execute(plan, done, userdata);
}
