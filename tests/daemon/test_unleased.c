/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Operations on unleased groups: a reset and a change of the domain's type. Meanwhile no client can
 * acquire these groups, and no other operation starts on them. A waiter is served when the
 * operation ends.
 */

#include <event2/event.h>

#include "core/model/refusal.h"
#include "daemon/queue/queue_internal.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/requests/requests.h"
#include "tests/daemon/fakehost.h"
#include "tests/daemon/lives_host.h"
#include "tests/unit/tap.h"

#define PENDING (-10000)

/* Two cards that stand alone, and one with two functions, each of a group of its own, on a bus. */
static const FakeDevice machine[] = {
        {"0000:00:02.0", NULL, PCIE_TYPE_ROOT_PORT, 1, "pcieport", NULL, 1},
        {"0000:00:04.0", NULL, PCIE_TYPE_RC_ENDPOINT, 2},
        {"0000:00:05.0", NULL, PCIE_TYPE_RC_ENDPOINT, 3},
        {"0000:01:00.0", "0000:00:02.0", PCIE_TYPE_ENDPOINT, 4, .multifunction = true},
        {"0000:01:00.1", "0000:00:02.0", PCIE_TYPE_ENDPOINT, 5, .multifunction = true},
};

static struct event_base *base;
static Ledger *ledger;

static void begin(void)
{
        static HostPaths host;
        int r = 0;

        base = event_base_new();
        if (!lives_world) {
                fakehost_make(machine, ARRAY_SIZE(machine), &host);
                r = __real_world_read(&host, NULL, &lives_world);
                fakehost_remove();
        }
        if (!base || r < 0 || daemon_new(base, &host, "/nonexistent", &ledger) < 0)
                abort();
        ledger->world = lives_world;
}

static void turn(void)
{
        for (int i = 0; i < 3; i++)
                (void)event_base_loop(base, EVLOOP_NONBLOCK);
}

static void on_answer(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        *(int *)userdata = answer->code;
}

static void acquire(const char *selector, bool waits, int *answer)
{
        const char *const selectors[] = {selector, NULL};
        const AcquireRequest request = {
                .selectors = selectors,
                .options.mode = LEASE_MODE_VFIO,
                .options.lifetime = LEASE_LIFETIME_PERSISTENT,
                .who.unit = "",
                .who.name = ":1.1",
                .wait_usec = waits ? REQUEST_WAIT_FOREVER : 0,
        };

        *answer = PENDING;
        request_acquire(ledger, &request, on_answer, answer);
        turn();
}

static void reset(const char *address, int *answer)
{
        Bdf bdf;

        *answer = PENDING;
        if (!bdf_parse(address, &bdf))
                abort();
        request_reset(ledger, bdf, on_answer, answer);
        turn();
}

static void set_type(unsigned group, int *answer)
{
        *answer = PENDING;
        group_set_type(ledger, lives_world->groups->groups[group].id, DOMAIN_TYPE_DMA_FQ,
                         on_answer, answer);
        turn();
}

static void end_worker(Worker *worker)
{
        VfioFds fds = {.n_items = 0};
        WorkerResult result = {.code = 0, .message = "", .fds = &fds};

        worker->handler.done(&result, worker->handler.userdata);
        free(worker);
        turn();
}

static size_t group_of(const char *address)
{
        Bdf bdf;
        const Partition *groups = lives_world->groups;

        if (!bdf_parse(address, &bdf))
                abort();
        size_t index = snapshot_find(lives_world->snapshot, bdf);
        for (size_t g = 0; g < groups->n_groups; g++)
                for (size_t m = 0; m < groups->groups[g].n_members; m++)
                        if (groups->groups[g].members[m] == index)
                                return g;
        abort();
}

/* Whether a lease of the device is being made. */
static bool is_being_taken(const char *address)
{
        const Lease *lease = ledger_lease_of_group(ledger, group_of(address));

        return lease && lease->record->state == LEASE_PREPARING;
}

static void test_reset(void)
{
        int asked, waiting, refused, other;

        begin();
        reset("0000:00:04.0", &asked);
        CHECK_NUMBER(asked, PENDING);
        Worker *worker = lives_last_worker;
        acquire("0000:00:04.0", false, &refused);
        CHECK_NUMBER(refused, REFUSAL_BUSY);
        set_type((unsigned)group_of("0000:00:04.0"), &refused);
        CHECK_NUMBER(refused, REFUSAL_BUSY);
        acquire("0000:00:04.0", true, &waiting);
        CHECK_NUMBER(waiting, PENDING);
        CHECK(!is_being_taken("0000:00:04.0"));
        acquire("0000:00:05.0", false, &other);
        CHECK(is_being_taken("0000:00:05.0"));
        end_worker(worker);
        CHECK_NUMBER(asked, 0);
        CHECK(is_being_taken("0000:00:04.0"));
        ledger_free(ledger);
        event_base_free(base);
}

/* A reset may have to reset the whole bus. */
static void test_reset_of_a_bus(void)
{
        int asked, refused;

        begin();
        reset("0000:01:00.0", &asked);
        CHECK_NUMBER(asked, PENDING);
        Worker *worker = lives_last_worker;
        acquire("0000:01:00.1", false, &refused);
        CHECK_NUMBER(refused, REFUSAL_BUSY);
        end_worker(worker);
        acquire("0000:01:00.1", false, &refused);
        CHECK(is_being_taken("0000:01:00.1"));
        ledger_free(ledger);
        event_base_free(base);
}

static void test_type(void)
{
        int asked, waiting, refused;

        begin();
        set_type((unsigned)group_of("0000:00:04.0"), &asked);
        CHECK_NUMBER(asked, PENDING);
        Worker *worker = lives_last_worker;
        reset("0000:00:04.0", &refused);
        CHECK_NUMBER(refused, REFUSAL_BUSY);
        acquire("0000:00:04.0", true, &waiting);
        CHECK_NUMBER(waiting, PENDING);
        CHECK(!is_being_taken("0000:00:04.0"));
        end_worker(worker);
        CHECK_NUMBER(asked, 0);
        CHECK(is_being_taken("0000:00:04.0"));
        ledger_free(ledger);
        event_base_free(base);
}

int main(void)
{
        static const TapTest tests[] = {
                {"a reset", test_reset},
                {"a reset that may be of a bus", test_reset_of_a_bus},
                {"another type of domain", test_type},
        };

        return tap_run(tests);
}
