/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The limits of each user. Each limit is reached, is named in the refusal, and permits one more
 * when something has ended. One user's limit does not affect other users, root or the daemon
 * itself.
 */

#include <event2/event.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/model/refusal.h"
#include "daemon/holders/tracker.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/queue/queue_internal.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/requests/requests.h"
#include "daemon/work/work.h"
#include "tests/daemon/fakehost.h"
#include "tests/daemon/lives_host.h"
#include "tests/unit/tap.h"

#define PENDING (-10000)
#define DEVICES (LEASES_PER_UID_MAX + 8)
#define USER 1000
#define OTHER 1001

#define HOLDERS_PER_UID 4
#define REGIONS_PER_UID 8
#define ALL 16

typedef struct Asked {
        int code; /* PENDING until it is answered */
        char message[256];
        Worker *worker; /* the worker that was started for it */
} Asked;

void __real_holders_review(Ledger *ledger);

static struct event_base *base;
static Ledger *ledger;
static char addresses[DEVICES][BDF_TEXT_SIZE];

/* Many cards, each a group of its own. */
static void make_world(void)
{
        static FakeDevice machine[DEVICES];
        HostPaths host;

        for (int i = 0; i < DEVICES; i++) {
                (void)snprintf(addresses[i], sizeof(addresses[i]), "0000:00:%02x.%d", 4 + i / 8,
                               i % 8);
                machine[i] = (FakeDevice){.address = addresses[i],
                                          .type = PCIE_TYPE_RC_ENDPOINT,
                                          .group = i + 1,
                                          .multifunction = true};
        }
        fakehost_make(machine, DEVICES, &host);
        if (__real_world_read(&host, NULL, &lives_world) < 0)
                abort();
        fakehost_remove();
}

static void begin(void)
{
        static const HostPaths host = {
                .sysfs = "/nonexistent", .dev = "/nonexistent", .proc = "/nonexistent"};

        if (!lives_world)
                make_world();
        base = event_base_new();
        if (!base || daemon_new(base, &host, "/nonexistent", &ledger) < 0)
                abort();
        ledger->world = lives_world;
}

static void end(void)
{
        ledger_free(ledger);
        event_base_free(base);
}

static void turn(void)
{
        for (int i = 0; i < 3; i++)
                (void)event_base_loop(base, EVLOOP_NONBLOCK);
}

static void note(Asked *asked, int code, const char *message)
{
        asked->code = code;
        (void)snprintf(asked->message, sizeof(asked->message), "%s", message);
}

static void on_answer(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        note(userdata, answer->code, answer->message);
}

static void on_counted(Ledger *asked, uint32_t lease, const HoldersResult *result, void *userdata)
{
        note(userdata, result->code, result->message);
}

/* Ends the worker that was started for a request: it succeeded and found no holder. */
static void end_worker(Worker *worker)
{
        const HolderList nobody = {.items = NULL};
        VfioFds fds = {.n_items = 1, .items = {{.name = "holders", .fd = holders_to_fd(&nobody)}}};
        WorkerResult result = {.code = 0, .message = "", .fds = &fds};

        worker->handler.done(&result, worker->handler.userdata);
        vfio_fds_close(&fds);
        free(worker);
        turn();
}

static void acquire_all(const char *const *selectors, uid_t uid, bool waits, Asked *asked)
{
        const AcquireRequest request = {
                .selectors = selectors,
                .options.mode = LEASE_MODE_VFIO,
                .options.lifetime = LEASE_LIFETIME_PERSISTENT,
                .who.uid = uid,
                .who.unit = "",
                .who.name = ":1.1",
                .wait_usec = waits ? REQUEST_WAIT_FOREVER : 0,
        };

        *asked = (Asked){.code = PENDING};
        request_acquire(ledger, &request, on_answer, asked);
        turn();
}

static void acquire(int device, uid_t uid, bool waits, Asked *asked)
{
        const char *const selectors[] = {addresses[device], NULL};

        acquire_all(selectors, uid, waits, asked);
}

static Lease *lease_of(int device)
{
        const Partition *groups = lives_world->groups;
        size_t index = SNAPSHOT_NONE;
        Bdf bdf;

        if (bdf_parse(addresses[device], &bdf))
                index = snapshot_find(lives_world->snapshot, bdf);
        return ledger_lease_of_group(ledger, groups->group_of[index]);
}

/* A lease of the device, held by its owner. */
static Lease *make_lease(int device, uid_t uid)
{
        Asked asked;

        acquire(device, uid, false, &asked);
        Lease *lease = lease_of(device);
        if (!lease || !work_transition(lease))
                abort();
        end_worker(work_transition(lease));
        CHECK_NUMBER(asked.code, 0);
        return lease;
}

static bool says(const Asked *asked, int code, const char *words)
{
        if (asked->code == code && strstr(asked->message, words))
                return true;
        printf("# %d: %s\n", asked->code, asked->message);
        return false;
}

static void ask_holders(Lease *lease, uid_t uid, Asked *asked)
{
        *asked = (Asked){.code = PENDING};
        holders_ask_lease(lease, uid, on_counted, asked);
        asked->worker = lives_last_worker;
}

static void read_regions(uid_t uid, Asked *asked)
{
        *asked = (Asked){.code = PENDING};
        group_read_regions(ledger, 0, uid, on_answer, asked);
        asked->worker = lives_last_worker;
}

/* Reaches the limit of all users together: `per_uid` for each of them, the first is USER. */
static void fill(void (*ask)(uid_t uid, Asked *asked), unsigned per_uid, Asked asked[ALL])
{
        Asked refused;

        for (unsigned i = 0; i < ALL; i++) {
                if (i == per_uid) {
                        ask(USER, &refused);
                        CHECK(says(&refused, REFUSAL_QUOTA, "uid 1000 "));
                }
                ask(USER + i / per_uid, &asked[i]);
                CHECK_NUMBER(asked[i].code, PENDING);
        }
        ask(USER + ALL, &refused);
        CHECK(says(&refused, REFUSAL_QUOTA, "too many users "));
}

static Lease *asked_about;

static void ask_about_it(uid_t uid, Asked *asked)
{
        ask_holders(asked_about, uid, asked);
}

static void test_holders(void)
{
        Asked asked[ALL], one, root[ALL];
        const RevokeRequest request = {.kill = true, .has_grace = true};

        begin();
        Lease *lease = asked_about = make_lease(0, USER);
        fill(ask_about_it, HOLDERS_PER_UID, asked);
        for (unsigned i = 0; i < ALL; i++) {
                ask_holders(lease, 0, &root[i]);
                CHECK_NUMBER(root[i].code, PENDING);
        }
        /* The search for processes to kill starts all the same, before the restore. */
        Worker *before = lives_last_worker;
        one.code = PENDING;
        lease_revoke(lease, &request, on_answer, &one);
        Worker *killer = lives_last_worker;
        CHECK(killer != before && !work_transition(lease));
        CHECK_NUMBER(lease->record->state, LEASE_LEASED);
        /*
         * Further requests of the same kind start no second worker; one more starts when the first
         * has ended.
         */
        for (int i = 0; i < 100; i++)
                holders_ask_own(lease, true, on_counted, &one);
        CHECK(lives_last_worker != killer);
        before = lives_last_worker;
        for (int i = 0; i < 100; i++)
                holders_ask_own(lease, true, on_counted, &one);
        CHECK(lives_last_worker == before);
        end_worker(before);
        CHECK(lives_last_worker != before);
        end_worker(lives_last_worker);
        end_worker(killer);
        CHECK_NUMBER(lease->record->state, LEASE_RELEASING);
        end_worker(asked[0].worker);
        CHECK_NUMBER(asked[0].code, 0);
        ask_holders(lease, USER, &one);
        CHECK_NUMBER(one.code, PENDING);
        end();
}

/* Makes the periodic review of its holders due. */
static void look_again(Lease *lease)
{
        lease->record->terms.exclusive_process = false;
        __real_holders_review(ledger);
        lease->record->terms.exclusive_process = true;
        ledger->times.holders = 0;
        __real_holders_review(ledger);
        ledger->times.holders = 60;
        turn();
}

static void test_one_process(void)
{
        Asked asked[HOLDERS_PER_UID];

        begin();
        Lease *lease = make_lease(0, USER);
        for (unsigned i = 0; i < HOLDERS_PER_UID; i++)
                ask_holders(lease, USER, &asked[i]);
        Worker *before = lives_last_worker;
        look_again(lease);
        Worker *ours = lives_last_worker;
        CHECK(ours != before);
        look_again(lease);
        CHECK(lives_last_worker == ours);
        end();
}

static void test_regions(void)
{
        Asked asked[ALL], one;

        begin();
        fill(read_regions, REGIONS_PER_UID, asked);
        read_regions(0, &one);
        CHECK_NUMBER(one.code, PENDING);
        one.code = PENDING;
        group_set_type(ledger, lives_world->groups->groups[0].id, DOMAIN_TYPE_DMA_FQ, on_answer,
                         &one);
        CHECK_NUMBER(one.code, PENDING);
        end_worker(asked[0].worker);
        read_regions(USER, &one);
        CHECK_NUMBER(one.code, PENDING);
        end();
}

static void test_leases(void)
{
        const NewOwner heir = {.who = {.uid = USER}, .unit = "", .is_privileged = true};
        _cleanup_(freep) char *message = NULL;
        Asked asked, one;
        int device = 0;

        begin();
        for (; device < LEASES_PER_UID_MAX; device++)
                (void)make_lease(device, USER);
        acquire(device, USER, false, &asked);
        CHECK(says(&asked, REFUSAL_QUOTA, "uid 1000 has 64 leases already"));
        Lease *lease = make_lease(device++, OTHER);
        CHECK_NUMBER(lease_transfer(lease, &heir, &message), REFUSAL_QUOTA);
        CHECK_STRING(message, "uid 1000 has 64 leases already");
        CHECK_NUMBER(lease->record->owner.uid, OTHER);
        for (; device < DEVICES - 1; device++)
                (void)make_lease(device, 0);
        one.code = PENDING;
        lease_release(lease_of(0), on_answer, &one);
        end_worker(work_transition(lease_of(0)));
        CHECK_NUMBER(one.code, 0);
        (void)make_lease(device, USER);
        end();
}

static void test_waiters(void)
{
        Asked asked[QUEUE_PER_UID_MAX], one;

        begin();
        Lease *lease = make_lease(0, OTHER);
        for (size_t i = 0; i < QUEUE_PER_UID_MAX; i++) {
                acquire(0, USER, true, &asked[i]);
                CHECK_NUMBER(asked[i].code, PENDING);
        }
        acquire(0, USER, true, &one);
        CHECK(says(&one, REFUSAL_QUOTA, "uid 1000 has 64 requests waiting already"));
        acquire(0, USER, false, &one);
        CHECK_NUMBER(one.code, REFUSAL_BUSY);
        acquire(0, OTHER, true, &one);
        CHECK_NUMBER(one.code, PENDING);
        /* The first request is served and no longer waits. */
        lease_release(lease, NULL, NULL);
        end_worker(work_transition(lease));
        end_worker(work_transition(lease_of(0)));
        CHECK_NUMBER(asked[0].code, 0);
        acquire(0, USER, true, &one);
        CHECK_NUMBER(one.code, PENDING);
        acquire(0, USER, true, &one);
        CHECK_NUMBER(one.code, REFUSAL_QUOTA);
        end();
}

/* The longest allowed request, made of characters that JSON writes the longest. */
static void make_longest(char texts[REQUEST_SELECTORS_MAX][257], const char **selectors)
{
        selectors[0] = addresses[0];
        for (int i = 1; i < REQUEST_SELECTORS_MAX; i++) {
                memset(texts[i], 1, sizeof(texts[i]) - 1);
                texts[i][sizeof(texts[i]) - 1] = '\0';
                selectors[i] = texts[i];
        }
        selectors[REQUEST_SELECTORS_MAX] = NULL;
}

/* Puts waiters into the queue, as those of `uid`, until it has no room for one more. */
static unsigned fill_queue(uid_t uid, const char *const *selectors)
{
        Asked first;

        for (unsigned n = 0;; n++) {
                const AcquireRequest request = {
                        .selectors = selectors, .who.uid = uid, .who.unit = "", .ticket = "ticket"};
                _cleanup_(waiter_freep) Waiter *waiter = calloc(1, sizeof(*waiter));
                _cleanup_(plan_clear) Plan plan = {.ledger = ledger, .request = &request};

                if (!waiter || request_copy(&request, &waiter->request) < 0)
                        abort();
                waiter->ledger = ledger;
                waiter->done = on_answer;
                waiter->userdata = &first;
                if (queue_check_room(queue_of(ledger), waiter, &plan) != 0)
                        return n;
                waiter->next = queue_of(ledger)->first;
                queue_of(ledger)->first = TAKE_PTR(waiter);
        }
}

int __real_queue_state_save(const char *directory, const Waiter *first);

/* However much a request asks for, its written form can be read again. */
static void test_bytes_in_the_queue(void)
{
        static char texts[REQUEST_SELECTORS_MAX][257];
        const char *selectors[REQUEST_SELECTORS_MAX + 1];
        char directory[] = "/tmp/limits-XXXXXX", path[64];
        Waiter *back = NULL;
        unsigned n = 0, n_back = 0;

        begin();
        make_longest(texts, selectors);
        unsigned n_mine = fill_queue(USER, selectors);
        CHECK(n_mine > 2 && n_mine < QUEUE_PER_UID_MAX);
        for (uid_t uid = USER; uid < USER + ALL; uid++)
                n += fill_queue(uid, selectors);
        CHECK(n < ALL * n_mine);
        CHECK(fill_queue(0, selectors) > 2);
        for (const Waiter *each = queue_of(ledger)->first; each; each = each->next)
                n_back++;
        if (!CHECK(mkdtemp(directory)))
                return;
        CHECK_NUMBER(__real_queue_state_save(directory, queue_of(ledger)->first), 0);
        CHECK_NUMBER(queue_state_load(directory, &back), 0);
        for (Waiter *next; back; back = next, n_back--) {
                next = back->next;
                waiter_free(back);
        }
        CHECK_NUMBER(n_back, 0);
        (void)snprintf(path, sizeof(path), "%s/queue", directory);
        CHECK(unlink(path) == 0 && rmdir(directory) == 0);
        end();
}

static void test_selectors(void)
{
        const char *selectors[REQUEST_SELECTORS_MAX + 2] = {NULL};
        Asked asked;

        begin();
        for (int i = 0; i <= REQUEST_SELECTORS_MAX; i++)
                selectors[i] = addresses[0];
        acquire_all(selectors, USER, false, &asked);
        CHECK(says(&asked, REFUSAL_INVALID, "more than 64 selectors"));
        CHECK(!lease_of(0));
        selectors[REQUEST_SELECTORS_MAX] = NULL;
        acquire_all(selectors, USER, false, &asked);
        CHECK_NUMBER(asked.code, PENDING);
        CHECK(lease_of(0));
        end();
}

int main(void)
{
        static const TapTest tests[] = {
                {"who holds a lease", test_holders},
                {"a lease for one process", test_one_process},
                {"reserved regions", test_regions},
                {"leases", test_leases},
                {"places in the queue", test_waiters},
                {"selectors", test_selectors},
                {"bytes in the queue", test_bytes_in_the_queue},
        };

        return tap_run(tests);
}
