/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A list in the order of arrival, and one timer: for the next deadline, or at once when something
 * may have become free.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/queue/queue_internal.h"

/* Sets the timer for what comes next; with nobody in the queue there is none. */
static void arm(Queue *queue)
{
        uint64_t next = REQUEST_WAIT_FOREVER, now = clock_usec(CLOCK_BOOTTIME);

        (void)evtimer_del(queue->turn);
        for (const Waiter *waiter = queue->first; waiter; waiter = waiter->next)
                if (waiter->until_usec < next)
                        next = waiter->until_usec;
        if (!queue->first || (!queue->is_poked && next == REQUEST_WAIT_FOREVER))
                return;
        uint64_t delay = queue->is_poked || next <= now ? 0 : next - now;
        const struct timeval timeout = {
                .tv_sec = (time_t)(delay / USEC_PER_SEC),
                .tv_usec = (suseconds_t)(delay % USEC_PER_SEC),
        };
        if (evtimer_add(queue->turn, &timeout) < 0)
                log_broken(-ENOMEM);
}

void queue_poke(Queue *queue)
{
        if (!queue->first)
                return;
        queue->is_poked = true;
        arm(queue);
}

/* The caller's from then on. */
static void take_off(Waiter **list, Waiter *waiter)
{
        for (Waiter **at = list; *at; at = &(*at)->next)
                if (*at == waiter) {
                        *at = waiter->next;
                        break;
                }
        waiter->next = NULL;
}

/* Keeps what the last look at a waiter's groups has shown. Returns 0 or -ENOMEM. */
static int remember(Waiter *waiter, Plan *plan)
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

static bool wants(const Waiter *waiter, int32_t group)
{
        for (size_t i = 0; i < waiter->n_groups; i++)
                if (waiter->groups[i] == group)
                        return true;
        return false;
}

/* Whether a waiter before `limit` (NULL: any) wants a group of that number. */
static bool is_wanted_before(const Queue *queue, const Waiter *limit, int32_t group)
{
        for (const Waiter *waiter = queue->first; waiter && waiter != limit; waiter = waiter->next)
                if (wants(waiter, group))
                        return true;
        return false;
}

size_t queue_count_callers(const Queue *queue)
{
        size_t n = 0;

        for (const Waiter *waiter = queue->first; waiter; waiter = waiter->next)
                n += waiter->done ? 1 : 0;
        return n;
}

size_t queue_count(const Queue *queue, int32_t group)
{
        size_t n = 0;

        for (const Waiter *waiter = queue->first; waiter; waiter = waiter->next)
                n += wants(waiter, group);
        return n;
}

int queue_check(const Queue *queue, Plan *plan)
{
        for (size_t i = 0; i < plan->n_groups; i++) {
                size_t n = queue_count(queue, plan_group(plan, i)->kernel_group);

                if (n > 0)
                        return plan_refuse(plan, REFUSAL_BUSY,
                                           "group %s: %zu request%s for it before this one "
                                           "(--wait puts it behind them)",
                                           plan_group(plan, i)->id, n,
                                           n == 1 ? " waits" : "s wait");
        }
        return 0;
}

/* --- in -----------------------------------------------------------------------------------------
 */

/* Its wait ends with its name on the bus. It may be over when this returns. */
static void watch_name(const Queue *queue, const Waiter *waiter)
{
        const LedgerObserver *observer = &queue->ledger->observer;
        char name[LEASE_OWNER_NAME_SIZE];

        if (!waiter->request.owner || !observer->needs_name)
                return;
        (void)snprintf(name, sizeof(name), "%s", waiter->request.owner);
        observer->needs_name(name, observer->userdata);
}

static uint64_t end_of_wait(const AcquireRequest *request)
{
        uint64_t now = clock_usec(CLOCK_BOOTTIME);

        return request->wait_usec < REQUEST_WAIT_FOREVER - now ? now + request->wait_usec
                                                               : REQUEST_WAIT_FOREVER;
}

static int make(Queue *queue, const Plan *plan, QueueDone done, void *userdata,
                Waiter **ret_waiter)
{
        _cleanup_(waiter_freep) Waiter *waiter = calloc(1, sizeof(*waiter));

        if (!waiter)
                return -ENOMEM;
        int r = request_copy(plan->request, &waiter->request);
        if (r < 0)
                return r;
        waiter->queue = queue;
        waiter->done = done;
        waiter->userdata = userdata;
        memcpy(waiter->bus, queue->ledger->bus_id, sizeof(waiter->bus));
        waiter->since_usec = clock_usec(CLOCK_BOOTTIME);
        waiter->until_usec = end_of_wait(plan->request);
        *ret_waiter = TAKE_PTR(waiter);
        return 0;
}

int queue_add(Queue *queue, Plan *plan, QueueDone done, void *userdata)
{
        _cleanup_(waiter_freep) Waiter *waiter = NULL;
        Waiter **at = &queue->first;

        int r = make(queue, plan, done, userdata, &waiter);
        if (r == 0)
                r = queue_check_room(queue, waiter, plan);
        if (r == 0)
                r = remember(waiter, plan);
        if (r != 0)
                return r;
        log_info("uid %u%s%s waits: %s", waiter->request.uid, waiter->request.unit[0] ? ", " : "",
                 waiter->request.unit, waiter->message ? waiter->message : "");
        while (*at)
                at = &(*at)->next;
        *at = TAKE_PTR(waiter);
        queue_save(queue);
        arm(queue);
        watch_name(queue, *at);
        return 0;
}

static bool is_same(const char *a, const char *b)
{
        return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Whether who asks is who waits with that ticket: rules may go by all of it. */
static bool is_of(const AcquireRequest *waiting, const AcquireRequest *request)
{
        return waiting->ticket && strcmp(waiting->ticket, request->ticket) == 0 &&
               waiting->uid == request->uid && is_same(waiting->unit, request->unit) &&
               is_same(waiting->label, request->label);
}

/* It asks by another connection, from another process perhaps. Returns 0 or -ENOMEM. */
static int renew(AcquireRequest *waiting, const AcquireRequest *request)
{
        AcquireRequest copy;

        int r = request_copy(request, &copy);
        if (r < 0)
                return r;
        const AcquireRequest before = *waiting;
        waiting->owner = copy.owner;
        waiting->pid = copy.pid;
        waiting->gids = copy.gids;
        waiting->n_gids = copy.n_gids;
        copy.owner = before.owner;
        copy.gids = before.gids;
        request_clear(&copy);
        return 0;
}

bool queue_adopt(Queue *queue, const AcquireRequest *request, QueueDone done, void *userdata)
{
        const LeaseAnswer again = {.code = REFUSAL_CHANGED,
                                     .message = "it was asked again with the same ticket"};

        for (Waiter *waiter = queue->first; waiter && request->ticket; waiter = waiter->next) {
                if (!is_of(&waiter->request, request))
                        continue;
                if (renew(&waiter->request, request) < 0)
                        return false;
                memcpy(waiter->bus, queue->ledger->bus_id, sizeof(waiter->bus));
                LeaseDone before = waiter->done;
                void *userdata_before = waiter->userdata;
                waiter->done = done;
                waiter->userdata = userdata;
                waiter->until_usec = end_of_wait(request);
                queue_save(queue);
                queue_poke(queue);
                watch_name(queue, waiter);
                if (before)
                        before(&again, NULL, userdata_before);
                return true;
        }
        return false;
}

/* --- out ----------------------------------------------------------------------------------------
 */

/* Takes it off and tells whoever waits for it why. */
static void refuse(Queue *queue, Waiter *waiter, int code, const char *message)
{
        _cleanup_(waiter_freep) Waiter *owned = waiter;
        const LeaseAnswer answer = {.code = code, .message = message};

        take_off(&queue->first, waiter);
        queue_save(queue);
        if (owned->done)
                owned->done(&answer, NULL, owned->userdata);
}

static void expire(Queue *queue, Waiter *waiter)
{
        _cleanup_(plan_clear) Plan plan = {.ledger = queue->ledger, .request = &waiter->request};
        _cleanup_(freep) char *text = NULL;
        uint64_t seconds = (clock_usec(CLOCK_BOOTTIME) - waiter->since_usec) / USEC_PER_SEC;

        /* What stands in its way may be in another state than at the last look. */
        if (plan_negotiate(&plan) == REFUSAL_BUSY && remember(waiter, &plan) < 0)
                log_broken(-ENOMEM);
        if (asprintf(&text, "%s; waited %llu s for it",
                     waiter->message ? waiter->message : "somebody has it",
                     (unsigned long long)seconds) < 0)
                text = NULL;
        refuse(queue, waiter, REFUSAL_BUSY, text ? text : "");
}

/*
 * First the answer, then the file: a daemon that ends in between leaves a place that nobody asks for,
 * for a few seconds, and not somebody who has waited and finds no place.
 */
static void on_served(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        _cleanup_(waiter_freep) Waiter *waiter = userdata;

        waiter->done(answer, lease, waiter->userdata);
        take_off(&waiter->queue->served, waiter);
        queue_save(waiter->queue);
}

/* Takes the waiter over, which is in no list. */
static void execute(Queue *queue, Waiter *waiter, Plan *plan)
{
        waiter->next = queue->served;
        queue->served = waiter;
        waiter->is_served = true;
        queue_save(queue);
        plan_execute(plan, on_served, waiter);
}

/* It is its turn. What asks again from here on, for a parked group, waits for nobody any more. */
static void serve(Queue *queue, Waiter *waiter, Plan *plan)
{
        take_off(&queue->first, waiter);
        waiter->request.is_served = true;
        waiter->request.wait_usec = 0;
        execute(queue, waiter, plan);
}

void queue_pass(Queue *queue, Plan *plan, QueueDone done, void *userdata)
{
        _cleanup_(waiter_freep) Waiter *waiter = NULL;

        /* For a parked group it asks again, and may have to wait yet; or it is doing that. */
        if (!plan->request->ticket || plan->has_parked || plan->request->is_served ||
            make(queue, plan, done, userdata, &waiter) < 0)
                return plan_execute(plan, done, userdata);
        if (queue_check_room(queue, waiter, plan) == 0)
                return execute(queue, TAKE_PTR(waiter), plan);
        /* There is no room to keep its place, which it does not need unless the daemon ends now. */
        free(TAKE_PTR(plan->message));
        plan_execute(plan, done, userdata);
}

/*
 * Looks whether a waiter can have what it wants. Returns whether it has left the queue, which then
 * may be another one altogether.
 */
static bool look(Queue *queue, Waiter *waiter)
{
        _cleanup_(plan_clear) Plan plan = {
                .ledger = queue->ledger,
                .request = &waiter->request,
        };
        _cleanup_(freep) char *message = NULL;

        int r = plan_negotiate(&plan);
        if (r == 0 || r == REFUSAL_BUSY) {
                int broken = remember(waiter, &plan);
                if (broken < 0)
                        r = broken;
        }
        if (r == REFUSAL_BUSY)
                return false;
        for (size_t i = 0; r == 0 && i < waiter->n_groups; i++)
                if (is_wanted_before(queue, waiter, waiter->groups[i]))
                        return false;
        if (r == 0 && !waiter->done)
                return false; /* its place is kept */
        if (r == 0) {
                serve(queue, waiter, &plan);
                return true;
        }
        message = TAKE_PTR(plan.message);
        refuse(queue, waiter, r, message ? message : "");
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
                        expire(queue, waiter);
                        queue->is_poked = true; /* who was behind it may be first now */
                }
        } while (waiter);
}

void queue_look(Queue *queue)
{
        Waiter *waiter = queue->is_closed ? NULL : queue->first;

        queue->is_poked = false;
        while (waiter)
                waiter = look(queue, waiter) ? queue->first : waiter->next;
}

void queue_on_turn(evutil_socket_t fd, short what, void *userdata)
{
        Queue *queue = userdata;

        expire_all(queue);
        if (queue->first && queue->is_poked) {
                int r = ledger_read_now(queue->ledger);
                if (r == 0)
                        queue_look(queue);
                else
                        ledger_read_later(queue->ledger);
        }
        arm(queue);
}

static bool is_elsewhere(const Waiter *waiter)
{
        const char *here = waiter->queue->ledger->bus_id;

        return here[0] && waiter->bus[0] && strcmp(here, waiter->bus) != 0;
}

/* Whether it ends with `name`, or with another bus than this one if that is NULL. */
static bool ends_with(const Waiter *waiter, const char *name)
{
        if (!waiter->request.owner)
                return false;
        return name ? !is_elsewhere(waiter) && strcmp(waiter->request.owner, name) == 0
                    : is_elsewhere(waiter);
}

static void forget(Queue *queue, const char *name)
{
        Waiter *waiter;
        const LeaseAnswer gone = {.code = REFUSAL_CHANGED,
                                    .message = "the one who waits is gone"};

        do {
                waiter = queue->first;
                while (waiter && !ends_with(waiter, name))
                        waiter = waiter->next;
                if (waiter) {
                        log_info("uid %u waits no more: its connection has ended",
                                 waiter->request.uid);
                        refuse(queue, waiter, gone.code, gone.message);
                        queue_poke(queue);
                }
        } while (waiter);
}

void queue_forget_name(Queue *queue, const char *name)
{
        forget(queue, name);
}

void queue_meet_bus(Queue *queue)
{
        forget(queue, NULL);
}

bool queue_has_name(const Queue *queue, const char *name)
{
        for (const Waiter *waiter = queue->first; waiter; waiter = waiter->next)
                if (ends_with(waiter, name))
                        return true;
        return false;
}

void queue_each_name(const Queue *queue, void (*tell)(const char *name, void *userdata),
                     void *userdata)
{
        for (const Waiter *waiter = queue->first; waiter; waiter = waiter->next)
                if (waiter->request.owner && !is_elsewhere(waiter))
                        tell(waiter->request.owner, userdata);
}
