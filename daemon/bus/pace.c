/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A bucket for each user who has asked of late: it holds the time at which all that was asked for is
 * paid. A user whose bucket has run empty is forgotten, so that there are never more of them than
 * have asked within one burst.
 */

#include "daemon/bus/pace.h"

#include <errno.h>
#include <string.h>

#include "daemon/base/clock.h"

/* More users than that within a few seconds share what is left. */
#define BUCKETS_MAX 256

typedef struct Bucket {
        uid_t uid;
        uint64_t paid; /* when the last of what was asked for is paid */
} Bucket;

struct Pace {
        uint64_t interval, burst;
        Bucket buckets[BUCKETS_MAX + 1]; /* the last is for all that have none */
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

bool pace_admit_sender(const MethodCall *call)
{
        const char *sender = sd_bus_message_get_sender(call->message);
        size_t n = 0;

        for (const MethodCall *other = call->bus->calls; other; other = other->next)
                n += !other->is_known &&
                     strcmp(sd_bus_message_get_sender(other->message), sender) == 0;
        if (n <= PACE_CALLS_PER_SENDER_MAX)
                return true;
        bus_reply_refusal(call->message, REFUSAL_QUOTA,
                          "%zu calls of this connection have not been looked at yet; wait for them",
                          n - 1);
        return false;
}

static bool admit_uid(const MethodCall *call)
{
        size_t n = 0;

        for (const MethodCall *other = call->bus->calls; other; other = other->next)
                n += other->is_known && other->caller.uid == call->caller.uid;
        if (call->caller.uid == 0 || n <= PACE_CALLS_PER_UID_MAX)
                return true;
        bus_reply_refusal(call->message, REFUSAL_QUOTA,
                          "uid %u has %zu calls under way; wait for their answers", call->caller.uid,
                          n - 1);
        return false;
}

/* Who calls is asked again: it may have left meanwhile. */
static void on_turn(evutil_socket_t fd, short what, void *userdata)
{
        MethodCall *call = userdata;

        event_free(TAKE_PTR(call->turn));
        call->had_turn = true;
        method_ask_caller(call);
}

/* After how many microseconds the call may run. */
static uint64_t find_delay(const MethodCall *call)
{
        Pace *const paces[_METHOD_PACE_N] = {
                [METHOD_PACE_READ] = call->bus->reads,
                [METHOD_PACE_LIST] = call->bus->lists,
                [METHOD_PACE_LOOK] = call->bus->looks,
                [METHOD_PACE_REQUEST] = call->bus->pace,
        };

        if (call->had_turn || !paces[call->row->pace])
                return 0;
        return pace_ask(paces[call->row->pace], call->caller.uid, clock_usec(CLOCK_MONOTONIC));
}

void pace_run(MethodCall *call)
{
        call->is_known = true;
        if (!admit_uid(call)) {
                method_call_free(call);
                return;
        }
        uint64_t delay = find_delay(call);
        if (delay == 0)
                return call->row->run(call);
        const struct timeval time = {.tv_sec = (time_t)(delay / 1000000),
                                     .tv_usec = (suseconds_t)(delay % 1000000)};
        call->turn = evtimer_new(call->bus->base, on_turn, call);
        if (!call->turn || evtimer_add(call->turn, &time) < 0) {
                (void)sd_bus_reply_method_errno(call->message, -ENOMEM, NULL);
                method_call_free(call);
        }
}
