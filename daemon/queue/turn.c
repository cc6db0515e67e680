/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The exit of the queue: waiters whose turn it is, whose time is over, or whose connection has
 * ended.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/model/text.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/queue/queue_internal.h"

/* Removes a waiter and answers its request with the reason. */
static void refuse(Waiter *waiter, int code, const char *message)
{
        _cleanup_(waiter_freep) Waiter *owned = waiter;

        waiter_take_off(&queue_of(waiter->ledger)->first, waiter);
        queue_save(waiter->ledger);
        lease_answer(owned->done, owned->userdata, code, message);
}

static void expire(Waiter *waiter)
{
        _cleanup_(plan_clear) Plan plan = {.ledger = waiter->ledger, .request = &waiter->request};
        uint64_t seconds = (clock_usec(CLOCK_BOOTTIME) - waiter->since_usec) / USEC_PER_SEC;

        /* The lease in its way may be in another state than at the last look. */
        if (plan_negotiate(&plan) == REFUSAL_BUSY && waiter_remember(waiter, &plan) < 0)
                log_broken(-ENOMEM);
        _cleanup_(freep) char *text =
                text_print("%s; waited %llu s for it",
                           waiter->message ? waiter->message : "the group is leased",
                           (unsigned long long)seconds);
        refuse(waiter, REFUSAL_BUSY, text ? text : "");
}

/*
 * Serves a waiter. A further request that this makes, for a parked group, has no waiter before it.
 */
static void serve(Queue *queue, Waiter *waiter, Plan *plan)
{
        waiter_take_off(&queue->first, waiter);
        waiter->request.is_served = true;
        waiter->request.wait_usec = 0;
        waiter_execute(waiter, plan);
}

/* Whether a waiter before `limit` (NULL: any) wants a group of that number. */
static bool is_wanted_before(const Queue *queue, const Waiter *limit, int32_t group)
{
        for (const Waiter *waiter = queue->first; waiter && waiter != limit; waiter = waiter->next)
                if (waiter_wants(waiter, group))
                        return true;
        return false;
}

/*
 * Tries to serve a waiter. Returns whether it has left the queue, which may have changed completely
 * then.
 */
static bool look(Queue *queue, Waiter *waiter)
{
        _cleanup_(plan_clear) Plan plan = {
                .ledger = waiter->ledger,
                .request = &waiter->request,
        };
        _cleanup_(freep) char *message = NULL;

        int r = plan_negotiate(&plan);
        if (r == 0 || r == REFUSAL_BUSY) {
                int broken = waiter_remember(waiter, &plan);
                if (broken < 0)
                        r = broken;
        }
        if (r == REFUSAL_BUSY)
                return false;
        for (size_t i = 0; r == 0 && i < waiter->n_groups; i++)
                if (is_wanted_before(queue, waiter, waiter->groups[i]))
                        return false;
        if (r == 0 && !waiter->done)
                return false; /* keep its place */
        if (r == 0) {
                serve(queue, waiter, &plan);
                return true;
        }
        message = TAKE_PTR(plan.message);
        refuse(waiter, r, message ? message : "");
        return true;
}

static void expire_all(Queue *queue)
{
        uint64_t now = clock_usec(CLOCK_BOOTTIME);
        Waiter *waiter;

        do {
                waiter = queue->first;
                while (waiter && waiter->until_usec > now)
                        waiter = waiter->next;
                if (waiter) {
                        expire(waiter);
                        queue->is_poked = true; /* the next waiter may be first now */
                }
        } while (waiter);
}

void queue_look(Ledger *ledger)
{
        Queue *queue = queue_of(ledger);
        Waiter *waiter = queue->is_closed ? NULL : queue->first;

        queue->is_poked = false;
        while (waiter)
                waiter = look(queue, waiter) ? queue->first : waiter->next;
}

static void on_turn(evutil_socket_t fd, short what, void *userdata)
{
        Ledger *ledger = userdata;
        Queue *queue = queue_of(ledger);

        expire_all(queue);
        if (queue->first && queue->is_poked) {
                int r = ledger_read_now(ledger);
                if (r == 0)
                        queue_look(ledger);
                else
                        ledger_read_later(ledger);
        }
        queue_arm(queue);
}

static bool is_elsewhere(const Waiter *waiter)
{
        return ledger_is_other_bus(waiter->ledger, waiter->bus);
}

/* Whether its wait ends with `name`, or, if that is NULL, with another bus than this one. */
static bool ends_with(const Waiter *waiter, const char *name)
{
        if (!waiter->request.who.name)
                return false;
        return name ? !is_elsewhere(waiter) && strcmp(waiter->request.who.name, name) == 0
                    : is_elsewhere(waiter);
}

void queue_forget(Ledger *ledger, const char *name)
{
        Queue *queue = queue_of(ledger);
        Waiter *waiter;

        do {
                waiter = queue->first;
                while (waiter && !ends_with(waiter, name))
                        waiter = waiter->next;
                if (waiter) {
                        log_info("uid %u no longer waits: its connection has ended",
                                 waiter->request.who.uid);
                        refuse(waiter, REFUSAL_CHANGED, "its connection has ended");
                        queue_poke(queue);
                }
        } while (waiter);
}

bool queue_has_name(const Ledger *ledger, const char *name)
{
        for (const Waiter *waiter = queue_of(ledger)->first; waiter; waiter = waiter->next)
                if (ends_with(waiter, name))
                        return true;
        return false;
}

void queue_each_name(const Ledger *ledger, void (*tell)(const char *name, void *userdata),
                     void *userdata)
{
        for (const Waiter *waiter = queue_of(ledger)->first; waiter; waiter = waiter->next)
                if (waiter->request.who.name && !is_elsewhere(waiter))
                        tell(waiter->request.who.name, userdata);
}

/* --- the module's events ------------------------------------------------------------------------
 */

static int init(Ledger *ledger, void *data)
{
        Queue *queue = queue_of(ledger);

        queue->turn = evtimer_new(ledger->base, on_turn, ledger);
        return queue->turn ? 0 : -ENOMEM;
}

static void handle(Ledger *ledger, const Event *event)
{
        if (event->kind == EVENT_GROUP_FREED || event->kind == EVENT_LEASE_REMOVED)
                queue_poke(queue_of(ledger));
}

const Module queue_turn_module = {.name = "queue's turn", .init = init, .handle = handle};
