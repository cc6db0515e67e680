/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A leaky bucket for each user with recent requests. It holds the time at which the last request of
 * the user is due. A bucket whose time has passed is dropped, so there are never more buckets than
 * users within one burst.
 */

#include "daemon/bus/access/pace.h"

#include <errno.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/bus/call/reply.h"

/* Users beyond this number, within a few seconds, share one bucket. */
#define BUCKETS_MAX 256

typedef struct Bucket {
        uid_t uid;
        uint64_t paid; /* the time at which the last request is due */
} Bucket;

struct Pace {
        uint64_t interval, burst;
        Bucket buckets[BUCKETS_MAX + 1]; /* the last one is shared by all users without their own */
        size_t n_buckets;
};

int pace_new(uint64_t interval, uint64_t burst, Pace **ret_pace)
{
        Pace *pace = calloc(1, sizeof(*pace));

        if (!pace)
                return -ENOMEM;
        pace->interval = interval;
        pace->burst = burst;
        *ret_pace = pace;
        return 0;
}

Pace *pace_free(Pace *pace)
{
        free(pace);
        return NULL;
}

static void forget_paid(Pace *pace, uint64_t now)
{
        for (size_t i = pace->n_buckets; i > 0; i--)
                if (pace->buckets[i - 1].paid <= now)
                        pace->buckets[i - 1] = pace->buckets[--pace->n_buckets];
}

static Bucket *find_bucket(Pace *pace, uid_t uid)
{
        for (size_t i = 0; i < pace->n_buckets; i++)
                if (pace->buckets[i].uid == uid)
                        return &pace->buckets[i];
        if (pace->n_buckets == BUCKETS_MAX)
                return &pace->buckets[BUCKETS_MAX];
        pace->buckets[pace->n_buckets] = (Bucket){.uid = uid};
        return &pace->buckets[pace->n_buckets++];
}

uint64_t pace_ask(Pace *pace, uid_t uid, uint64_t now)
{
        const uint64_t burst = pace->burst * pace->interval;

        if (uid == 0)
                return 0;
        forget_paid(pace, now);
        Bucket *bucket = find_bucket(pace, uid);
        if (bucket->paid < now)
                bucket->paid = now;
        bucket->paid += pace->interval;
        return bucket->paid - now > burst ? bucket->paid - now - burst : 0;
}

/* --- calls ------------------------------------------------------------------------------------ */

int pace_open(Bus *bus)
{
        static const struct {
                uint64_t interval, burst;
        } limits[_METHOD_PACE_N] = {
                [METHOD_PACE_READ] = {PACE_READ_INTERVAL_USEC, PACE_READ_BURST},
                [METHOD_PACE_LIST] = {PACE_LIST_INTERVAL_USEC, PACE_BURST},
                [METHOD_PACE_LOOK] = {PACE_LOOK_INTERVAL_USEC, PACE_BURST},
                [METHOD_PACE_REQUEST] = {PACE_INTERVAL_USEC, PACE_BURST},
        };
        int r = 0;

        for (size_t i = 0; r == 0 && i < _METHOD_PACE_N; i++)
                r = pace_new(limits[i].interval, limits[i].burst, &bus->paces[i]);
        return r;
}

void pace_close(Bus *bus)
{
        for (size_t i = 0; i < _METHOD_PACE_N; i++)
                bus->paces[i] = pace_free(bus->paces[i]);
}

CallVerdict pace_admit_sender(MethodCall *call)
{
        const char *sender = sd_bus_message_get_sender(call->message);
        size_t n = 0;

        for (const MethodCall *other = call->bus->calls; other; other = other->next)
                n += !other->is_known &&
                     strcmp(sd_bus_message_get_sender(other->message), sender) == 0;
        if (n <= PACE_CALLS_PER_SENDER_MAX)
                return CALL_GOES_ON;
        bus_reply_refusal(
                call->message, REFUSAL_QUOTA,
                "%zu calls of this connection have not been started yet; wait for their answers",
                n - 1);
        return CALL_ANSWERED;
}

CallVerdict pace_admit_user(MethodCall *call)
{
        size_t n = 0;

        call->is_known = true;
        for (const MethodCall *other = call->bus->calls; other; other = other->next)
                n += other->is_known && other->caller.uid == call->caller.uid;
        if (call->caller.uid == 0 || n <= PACE_CALLS_PER_UID_MAX)
                return CALL_GOES_ON;
        bus_reply_refusal(call->message, REFUSAL_QUOTA,
                          "uid %u has %zu calls under way; wait for their answers",
                          call->caller.uid, n - 1);
        return CALL_ANSWERED;
}

CallVerdict pace_await_turn(MethodCall *call)
{
        Pace *pace = call->bus->paces[call->row->pace];

        if (!pace || call->had_turn)
                return CALL_GOES_ON;
        uint64_t delay = pace_ask(pace, call->caller.uid, clock_usec(CLOCK_MONOTONIC));
        if (delay == 0)
                return CALL_GOES_ON;
        call->had_turn = true;
        return method_call_resume_in(call, CALL_STAGE_CALLER, delay);
}
