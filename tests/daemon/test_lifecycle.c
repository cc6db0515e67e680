/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The table of the lifecycle, pair by pair, against the matrix below; and the executor's reaction
 * to a pair that cannot happen.
 */

#include <stdio.h>
#include <string.h>

#include "daemon/lifecycle/life_internal.h"
#include "daemon/reconcile/reconcile.h"
#include "tests/unit/tap.h"

/* States, as letters of the matrix. */
static const char letters[] = "NTSLVWRQG";

/* For each event: the next state from each state, in the order of `letters`; '.' cannot happen. */
static const struct {
        LifeEvent event;
        const char *next;
} matrix[] = {
        /*                     NTSLVWRQG */
        {LIFE_TAKE,           "TT......."},
        {LIFE_NOT_STARTED,    ".G......."},
        {LIFE_TAKEN,          ".S......."},
        {LIFE_REFUSED,        ".G......."},
        {LIFE_REFUSED_HELD,   ".R......."},
        {LIFE_TAKE_DIED,      ".R......."},
        {LIFE_TAKE_BROKEN,    ".Q......."},
        {LIFE_TAKE_LATE,      ".T......."},
        {LIFE_SETTLE_FAILED,  "..R......"},
        {LIFE_GUARDED,        "..L......"},
        {LIFE_TOO_WEAK,       "..R......"},
        {LIFE_NO_OWNER,       "..R......"},
        {LIFE_OWNER_GONE,     "..RRRW.Q."},
        {LIFE_NAME_GONE,      ".TRRRWRQ."},
        {LIFE_RELEASE,        "RTRRRWRR."},
        {LIFE_REVOKE,         ".TRVVWRR."},
        {LIFE_GRACE_OVER,     "....VWRQ."},
        {LIFE_KILLED,         "....RWRQ."},
        {LIFE_CONDEMN,        "..QQQ...."},
        {LIFE_CLEAR,          ".....R..."},
        {LIFE_BLOCKED,        "W.....W.."},
        {LIFE_RESTORED,       "......G.."},
        {LIFE_JOINED,         "......R.."},
        {LIFE_RESTORE_FAILED, "......Q.."},
        {LIFE_RESTORE_LATE,   ".....WR.."},
        {LIFE_RESUME,         "L........"},
        {LIFE_RESUME_REVOKED, "V........"},
        {LIFE_RESUME_BROKEN,  "Q........"},
};

static bool expect(LifeState state, LifeEvent event, char next)
{
        const LifeRow *row = life_find(state, event);
        char have = row ? letters[row->next] : '.';

        if (have != next)
                printf("# %s, %s: leads to %c, want %c\n", life_state_to_string(state),
                       life_event_to_string(event), have, next);
        return have == next;
}

static void test_every_pair(void)
{
        CHECK_NUMBER(strlen(letters), _LIFE_STATE_N);
        if (!CHECK_NUMBER(ARRAY_SIZE(matrix), _LIFE_EVENT_N))
                return;
        for (size_t event = 0; event < _LIFE_EVENT_N; event++) {
                CHECK_NUMBER(matrix[event].event, event);
                CHECK_NUMBER(strlen(matrix[event].next), _LIFE_STATE_N);
                for (size_t state = 0; state < _LIFE_STATE_N; state++)
                        CHECK(expect((LifeState)state, (LifeEvent)event,
                                     matrix[event].next[state]));
        }
}

static bool leads_to(LifeState from, LifeState to)
{
        for (LifeEvent event = 0; event < _LIFE_EVENT_N; event++) {
                const LifeRow *row = life_find(from, event);

                if (row && row->next == to)
                        return true;
        }
        return false;
}

/* Every state but the first is reached, and from every state but the last a lease can end. */
static void test_ways(void)
{
        bool reached[_LIFE_STATE_N] = {[LIFE_NEW] = true}, ends[_LIFE_STATE_N] = {[LIFE_GONE] = true};

        for (int round = 0; round < _LIFE_STATE_N; round++)
                for (LifeState from = 0; from < _LIFE_STATE_N; from++)
                        for (LifeState to = 0; to < _LIFE_STATE_N; to++) {
                                reached[to] |= reached[from] && leads_to(from, to);
                                ends[from] |= ends[to] && leads_to(from, to);
                        }
        for (LifeState state = 0; state < _LIFE_STATE_N; state++)
                if (!CHECK(reached[state] && ends[state]))
                        printf("# %s\n", life_state_to_string(state));
}

/* Each action is in some row, and an action that starts a restore is the last of its row. */
static void test_actions(void)
{
        bool used[_LIFE_ACTION_N] = {[_LIFE_ACTION_END] = true};

        for (LifeState state = 0; state < _LIFE_STATE_N; state++)
                for (LifeEvent event = 0; event < _LIFE_EVENT_N; event++) {
                        const LifeRow *row = life_find(state, event);

                        for (size_t i = 0; row && i < LIFE_ACTIONS_MAX; i++) {
                                LifeAction action = row->actions[i];

                                used[action] = true;
                                if (action == LIFE_RESTORE)
                                        CHECK(row->next == LIFE_RESTORING &&
                                              (i + 1 == LIFE_ACTIONS_MAX ||
                                               row->actions[i + 1] == _LIFE_ACTION_END));
                        }
                }
        for (size_t action = 0; action < _LIFE_ACTION_N; action++)
                if (!CHECK(used[action]))
                        printf("# action %zu is in no row\n", action);
}

static void on_answer(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        *(int *)userdata = answer->code;
}

/* A request is answered, and the lease stays as it was. */
static void test_impossible_pairs(void)
{
        static const HostPaths host = {
                .sysfs = "/nonexistent", .dev = "/nonexistent", .proc = "/nonexistent"};
        struct event_base *base = event_base_new();
        LeaseRecord *record = NULL;
        Ledger *ledger = NULL;
        Lease *lease = NULL;

        if (!base || daemon_new(base, &host, "/nonexistent", &ledger) < 0 ||
            lease_record_new(&record) < 0 || ledger_add_lease(ledger, record, &lease) < 0)
                abort();
        for (LifeState state = 0; state < _LIFE_STATE_N; state++)
                for (LifeEvent event = 0; event < _LIFE_EVENT_N; event++) {
                        int code = 0;

                        if (life_find(state, event))
                                continue;
                        life_of(lease)->state = state;
                        life_raise(lease, event,
                                   &(LifeNews){.done = on_answer, .userdata = &code});
                        CHECK_NUMBER(code, REFUSAL_BUSY);
                        CHECK_NUMBER(life_of(lease)->state, state);
                }
        ledger_free(ledger);
        event_base_free(base);
}

int main(void)
{
        static const TapTest tests[] = {
                {"every pair of state and event", test_every_pair},
                {"every state is reached, and can be left", test_ways},
                {"every action is used", test_actions},
                {"a pair that cannot happen changes nothing", test_impossible_pairs},
        };

        return tap_run(tests);
}
