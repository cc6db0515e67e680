/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The pace of a user's requests: a burst starts at once, then one per interval, and no user delays
 * another. Also the limits of unanswered calls per connection and per user. In this test a message
 * is the name of its sender.
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/bus/access/pace.h"
#include "daemon/bus/request.h"
#include "tests/unit/tap.h"

#define BEGIN 1000000000ULL
#define USERS 100000

static void test_a_burst_and_then_one_by_one(void)
{
        _cleanup_(pace_freep) Pace *pace = NULL;

        if (!CHECK(pace_new(PACE_INTERVAL_USEC, PACE_BURST, &pace) == 0))
                return;
        for (unsigned i = 0; i < PACE_BURST; i++)
                CHECK_NUMBER(pace_ask(pace, 1000, BEGIN), 0);
        for (unsigned i = 1; i <= 100; i++)
                CHECK_NUMBER(pace_ask(pace, 1000, BEGIN), (uint64_t)i * PACE_INTERVAL_USEC);
        CHECK_NUMBER(pace_ask(pace, 1001, BEGIN), 0);
        CHECK_NUMBER(pace_ask(pace, 0, BEGIN), 0);
}

static void test_time_pays(void)
{
        _cleanup_(pace_freep) Pace *pace = NULL;
        uint64_t now = BEGIN;

        if (!CHECK(pace_new(PACE_INTERVAL_USEC, PACE_BURST, &pace) == 0))
                return;
        /* A user who asks as often as allowed is never delayed. */
        for (unsigned i = 0; i < 1000; i++, now += PACE_INTERVAL_USEC)
                CHECK_NUMBER(pace_ask(pace, 1000, now), 0);
        /* A user who asks twice as often is delayed, by less than the excess. */
        for (unsigned i = 0; i < 100; i++, now += PACE_INTERVAL_USEC / 2)
                CHECK(pace_ask(pace, 1000, now) <= (uint64_t)i * PACE_INTERVAL_USEC);
        CHECK(pace_ask(pace, 1000, now) > 0);
        now += 1000ULL * PACE_INTERVAL_USEC;
        for (unsigned i = 0; i < PACE_BURST; i++)
                CHECK_NUMBER(pace_ask(pace, 1000, now), 0);
        CHECK(pace_ask(pace, 1000, now) > 0);
}

static void test_a_crowd_of_users_is_bounded(void)
{
        _cleanup_(pace_freep) Pace *pace = NULL;
        size_t n_delayed = 0;

        if (!CHECK(pace_new(PACE_INTERVAL_USEC, PACE_BURST, &pace) == 0))
                return;
        for (uid_t uid = 1; uid <= USERS; uid++)
                n_delayed += pace_ask(pace, uid, BEGIN) > 0;
        CHECK(n_delayed > 0);
        /* The first user still has the rest of the burst. */
        for (unsigned i = 1; i < PACE_BURST; i++)
                CHECK_NUMBER(pace_ask(pace, 1, BEGIN), 0);
        /* When all delays are over, every user starts with a full burst. */
        for (uid_t uid = USERS; uid > USERS - 100; uid--)
                CHECK_NUMBER(pace_ask(pace, uid, BEGIN + 1000000ULL * PACE_INTERVAL_USEC), 0);
}

/* --- calls ------------------------------------------------------------------------------------ */

const char *__wrap_sd_bus_message_get_sender(sd_bus_message *message);
sd_bus_message *__wrap_sd_bus_message_unref(sd_bus_message *message);
void __wrap_bus_reply_refusal(sd_bus_message *message, Refusal refusal, const char *format, ...)
        _printf_(3, 4);

static char refused[256];
static int code;
static unsigned n_run;

const char *__wrap_sd_bus_message_get_sender(sd_bus_message *message)
{
        return (const char *)message;
}

sd_bus_message *__wrap_sd_bus_message_unref(sd_bus_message *message)
{
        return NULL;
}

void __wrap_bus_reply_refusal(sd_bus_message *message, Refusal refusal, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(refused, sizeof(refused), format, arguments);
        va_end(arguments);
        code = (int)refusal;
}

static CallVerdict run(MethodCall *call)
{
        n_run++;
        return CALL_WAITS;
}

static const MethodRow any_row = {.access = METHOD_ANYONE, .run = run};

/* One more call of a known caller, as method_call_new() adds it to the list. */
static MethodCall *call_by(Bus *bus, const char *sender, uid_t uid, const MethodRow *row)
{
        MethodCall *call = calloc(1, sizeof(*call));

        if (!call)
                abort();
        *call = (MethodCall){
                .bus = bus,
                .stage = CALL_STAGE_USER,
                .resume = request_go_on,
                .message = (sd_bus_message *)(uintptr_t)sender,
                .caller.uid = uid,
                .row = row,
                .next = bus->calls,
                .place = &bus->calls,
        };
        if (call->next)
                call->next->place = &call->next;
        bus->calls = call;
        code = 0;
        return call;
}

static void free_calls(Bus *bus)
{
        while (bus->calls)
                (void)method_call_free(bus->calls);
}

static void test_calls_of_a_connection(void)
{
        Bus bus = {.ledger = NULL};
        MethodCall *call = NULL;

        for (int i = 0; i < PACE_CALLS_PER_SENDER_MAX; i++) {
                call = call_by(&bus, ":1.5", 0, &any_row);
                CHECK(pace_admit_sender(call) == CALL_GOES_ON);
        }
        MethodCall *more = call_by(&bus, ":1.5", 0, &any_row);
        CHECK(pace_admit_sender(more) == CALL_ANSWERED);
        CHECK_NUMBER(code, REFUSAL_QUOTA);
        CHECK_STRING(
                refused,
                "64 calls of this connection have not been started yet; wait for their answers");
        (void)method_call_free(more);
        CHECK(pace_admit_sender(call_by(&bus, ":1.6", 0, &any_row)) == CALL_GOES_ON);
        /* The caller of one of them becomes known: the call no longer counts here. */
        call->is_known = true;
        CHECK(pace_admit_sender(call_by(&bus, ":1.5", 0, &any_row)) == CALL_GOES_ON);
        CHECK(pace_admit_sender(call_by(&bus, ":1.5", 0, &any_row)) == CALL_ANSWERED);
        free_calls(&bus);
}

static void test_calls_of_a_user(void)
{
        Bus bus = {.ledger = NULL};

        n_run = 0;
        for (int i = 0; i < PACE_CALLS_PER_UID_MAX; i++)
                request_go_on(call_by(&bus, ":1.5", 1000, &any_row));
        CHECK_NUMBER(n_run, PACE_CALLS_PER_UID_MAX);
        request_go_on(call_by(&bus, ":1.6", 1000, &any_row));
        CHECK_NUMBER(n_run, PACE_CALLS_PER_UID_MAX);
        CHECK_NUMBER(code, REFUSAL_QUOTA);
        CHECK_STRING(refused, "uid 1000 has 128 calls under way; wait for their answers");
        request_go_on(call_by(&bus, ":1.7", 1001, &any_row));
        CHECK_NUMBER(n_run, PACE_CALLS_PER_UID_MAX + 1);
        for (int i = 0; i <= PACE_CALLS_PER_UID_MAX; i++)
                request_go_on(call_by(&bus, ":1.8", 0, &any_row));
        CHECK_NUMBER(n_run, 2 * PACE_CALLS_PER_UID_MAX + 2);
        while (bus.calls->caller.uid != 1000)
                (void)method_call_free(bus.calls);
        (void)method_call_free(bus.calls);
        request_go_on(call_by(&bus, ":1.5", 1000, &any_row));
        CHECK_NUMBER(n_run, 2 * PACE_CALLS_PER_UID_MAX + 3);
        free_calls(&bus);
}

/* A user's lookups are delayed after a burst; the user's acquires are not. */
static void test_calls_that_look(void)
{
        const MethodRow look_row = {.access = METHOD_ANYONE, .run = run, .pace = METHOD_PACE_LOOK};
        const MethodRow acquire_row = {
                .access = METHOD_POLICY, .run = run, .pace = METHOD_PACE_REQUEST};
        Bus bus = {.base = event_base_new()};

        if (!CHECK(bus.base &&
                   pace_new(PACE_INTERVAL_USEC, PACE_BURST, &bus.paces[METHOD_PACE_REQUEST]) == 0 &&
                   pace_new(PACE_LOOK_INTERVAL_USEC * 1000, PACE_BURST,
                            &bus.paces[METHOD_PACE_LOOK]) == 0))
                return;
        n_run = 0;
        for (int i = 0; i < 2 * PACE_BURST; i++)
                request_go_on(call_by(&bus, ":1.5", 1000, &look_row));
        CHECK_NUMBER(n_run, PACE_BURST);
        CHECK(bus.calls->turn);
        request_go_on(call_by(&bus, ":1.5", 1000, &acquire_row));
        request_go_on(call_by(&bus, ":1.6", 1001, &look_row));
        CHECK_NUMBER(n_run, PACE_BURST + 2);
        free_calls(&bus);
        pace_free(bus.paces[METHOD_PACE_REQUEST]);
        pace_free(bus.paces[METHOD_PACE_LOOK]);
        event_base_free(bus.base);
}

static void test_what_starts_a_worker_is_paced(void)
{
        CHECK(method_find(BUS_IFACE_GROUP, "GetReservedRegions")->pace == METHOD_PACE_LOOK);
        CHECK(method_find(BUS_IFACE_GROUP, "GetHolders")->pace == METHOD_PACE_LOOK);
        CHECK(method_find(BUS_IFACE_LEASE, "GetHolders")->pace == METHOD_PACE_LOOK);
}

int main(void)
{
        static const TapTest tests[] = {
                {"a burst, and then one by one", test_a_burst_and_then_one_by_one},
                {"time pays", test_time_pays},
                {"a crowd of users is bounded", test_a_crowd_of_users_is_bounded},
                {"calls of a connection", test_calls_of_a_connection},
                {"calls of a user", test_calls_of_a_user},
                {"calls that look something up", test_calls_that_look},
                {"what starts a worker is paced", test_what_starts_a_worker_is_paced},
        };

        return tap_run(tests);
}
