/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How soon a user's requests start: a burst at once, then one an interval, and nobody waits for
 * somebody else's.
 */

#include "daemon/bus/pace.h"
#include "tests/unit/tap.h"

#define BEGIN 1000000000ULL
#define USERS 100000

static void test_a_burst_and_then_one_by_one(void)
{
        _cleanup_(pace_freep) Pace *pace = NULL;

        if (!CHECK(pace_new(&pace) == 0))
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

        if (!CHECK(pace_new(&pace) == 0))
                return;
        /* Somebody who asks as often as he may is never held up. */
        for (unsigned i = 0; i < 1000; i++, now += PACE_INTERVAL_USEC)
                CHECK_NUMBER(pace_ask(pace, 1000, now), 0);
        /* Somebody who asks twice as often is, and by less than he has asked too much. */
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

        if (!CHECK(pace_new(&pace) == 0))
                return;
        for (uid_t uid = 1; uid <= USERS; uid++)
                n_delayed += pace_ask(pace, uid, BEGIN) > 0;
        CHECK(n_delayed > 0);
        /* Whoever came first still has what is his. */
        for (unsigned i = 1; i < PACE_BURST; i++)
                CHECK_NUMBER(pace_ask(pace, 1, BEGIN), 0);
        /* And when all is paid everybody begins anew. */
        for (uid_t uid = USERS; uid > USERS - 100; uid--)
                CHECK_NUMBER(pace_ask(pace, uid, BEGIN + 1000000ULL * PACE_INTERVAL_USEC), 0);
}

int main(void)
{
        static const TapTest tests[] = {
                {"a burst, and then one by one", test_a_burst_and_then_one_by_one},
                {"time pays", test_time_pays},
                {"a crowd of users is bounded", test_a_crowd_of_users_is_bounded},
        };

        return tap_run(tests);
}
