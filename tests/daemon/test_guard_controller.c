/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The controller of the guard process on the host made of files: orders that change faster than
 * guard processes start and end, and requests for a lease whose guard has not settled.
 */

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/model/pcicap.h"
#include "daemon/facts/guard_facts.h"
#include "daemon/guard_process/controller.h"
#include "daemon/guard_process/controller_internal.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/limits/request.h"
#include "daemon/requests/requests.h"
#include "tests/daemon/fakedaemon.h"
#include "tests/daemon/fakeprocess.h"
#include "tests/daemon/faults.h"
#include "tests/unit/tap.h"

#define CARD "0000:01:00.0"

/* A slot that cannot be sealed: without the card, only a guard process guards its group. */
static const FakeDevice machine[] = {
        {"0000:00:02.0", NULL, PCIE_TYPE_ROOT_PORT, 1, "pcieport", NULL, 1, .has_open_slot = true},
        {"0000:00:02.1", NULL, PCIE_TYPE_ROOT_PORT, 1, "pcieport", NULL, 2, .has_open_slot = true},
        {CARD, "0000:00:02.0", PCIE_TYPE_ENDPOINT, 1, "e1000e", .resets = "bus"},
        {"0000:00:07.0", NULL, PCIE_TYPE_RC_ENDPOINT, 3, "ahci"},
};

static void must_be(bool ok, const char *what)
{
        if (ok)
                return;
        (void)fprintf(stderr, "VIOLATED: %s\n", what);
        _exit(2);
}

/* The guard process has outdated orders: the controller starts another one. */
static void reorder(GuardController *controller)
{
        text_list_clear(&controller->orders.places);
        controller_review(controller->ledger);
}

/* Every report is read, once. */
static void hear(const FakeDaemon *daemon)
{
        must_be(fakeprocess_wake(), "no guard process has a report");
        must_be(event_base_loop(daemon->base, EVLOOP_NONBLOCK) >= 0, "the loop ended");
}

static void live(FakeDaemon *daemon)
{
        GuardController *controller = controller_of(daemon->ledger);

        must_be(fakedaemon_acquire(daemon, CARD, LEASE_MODE_VFIO) == 0, "the card");
        fakehost_unplug(CARD);
        fakedaemon_see(daemon);
        const GuardProcess *first = controller->process;
        must_be(first && controller->is_ready && !controller->former, "a guard process at work");

        reorder(controller);
        const GuardProcess *second = controller->process;
        must_be(controller->former == first && second != first && !controller->is_ready, "the first one goes");
        reorder(controller);
        second = controller->process;
        must_be(controller->former == first && !controller->is_ready, "who was never on duty takes its place");

        hear(daemon);
        must_be(controller->process == second && controller->is_ready, "the second one is on duty");
        must_be(controller->former == first, "the first one has not ended yet");
        reorder(controller);
        must_be(controller->former == second && controller->process != second, "nobody is on duty");

        fakedaemon_see(daemon);
        must_be(controller->process && controller->is_ready && !controller->former, "the last one alone is left");
        fakehost_plug(CARD);
        fakedaemon_release_all(daemon);
}

/* --- the guard in the answer ------------------------------------------------------------------ */

typedef struct Told {
        int code;
        GuardLayer layer; /* as it was when the answer came */
        bool has_process;
} Told;

static void on_told(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        const GuardController *controller = lease ? controller_of(lease->ledger) : NULL;
        Told *told = userdata;

        told->code = answer->code;
        if (!lease)
                return;
        told->layer = lease_guard(lease);
        told->has_process = controller->process && controller->is_ready;
}

static Told ask(const FakeDaemon *daemon, LeaseMode mode)
{
        static const char *const selectors[] = {CARD, NULL};
        const AcquireRequest request = {
                .selectors = selectors,
                .options.mode = mode,
                .options.lifetime = LEASE_LIFETIME_PERSISTENT,
                .options.force = true,
                .who.path_uid = FAKEHOST_UID,
                .who.unit = "",
        };
        Told told = {.code = _REFUSAL_N};

        request_acquire(daemon->ledger, &request, on_told, &told);
        while (told.code == _REFUSAL_N) {
                (void)fakeprocess_wake();
                must_be(event_base_loop(daemon->base, EVLOOP_ONCE) >= 0, "the loop ended");
        }
        must_be(told.code == 0, "the card is leased");
        return told;
}

/* Releases without waiting: the gate may still be being opened. */
static void release_at_once(const FakeDaemon *daemon)
{
        Told told = {.code = _REFUSAL_N};

        lease_release(daemon->ledger->leases[0], on_told, &told);
        while (told.code == _REFUSAL_N) {
                (void)fakeprocess_wake();
                must_be(event_base_loop(daemon->base, EVLOOP_ONCE) >= 0, "the loop ended");
        }
        must_be(told.code == 0, "the card is given back");
}

static void live_asking(FakeDaemon *daemon)
{
        static const struct {
                LeaseMode mode;
                GuardLayer layer;
        } cases[] = {
                {LEASE_MODE_PATH, GUARD_GATED},     {LEASE_MODE_GROUP_FD, GUARD_GATED},
                {LEASE_MODE_PATH, GUARD_GATED},     {LEASE_MODE_IOMMUFD_UNBOUND, GUARD_GATED},
                {LEASE_MODE_GROUP_FD, GUARD_GATED}, {LEASE_MODE_VFIO, GUARD_OWNED},
                {LEASE_MODE_PATH, GUARD_GATED},     {LEASE_MODE_IOMMUFD, GUARD_OWNED},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Told told = ask(daemon, cases[i].mode);

                must_be(told.layer == cases[i].layer, "the guard that will hold is told");
                must_be(told.layer == GUARD_OWNED || told.has_process, "a guard process at work");
                fakedaemon_see(daemon);
                must_be(lease_guard(daemon->ledger->leases[0]) == cases[i].layer,
                        "it holds afterwards");
                release_at_once(daemon);
        }
        fakedaemon_see(daemon);
}

/*
 * A guard process that is not ready in time delays no answer; the answer names the current guard.
 */
static void live_asking_late(FakeDaemon *daemon)
{
        static const char *const selectors[] = {CARD, NULL};
        const AcquireRequest request = {
                .selectors = selectors,
                .options.mode = LEASE_MODE_PATH,
                .options.lifetime = LEASE_LIFETIME_PERSISTENT,
                .options.force = true,
                .who.path_uid = FAKEHOST_UID,
                .who.unit = "",
        };
        Told told = {.code = _REFUSAL_N};

        daemon->ledger->times.worker = 1;
        request_acquire(daemon->ledger, &request, on_told, &told);
        while (told.code == _REFUSAL_N) /* and no guard process is woken */
                must_be(event_base_loop(daemon->base, EVLOOP_ONCE) >= 0, "the loop ended");
        must_be(told.code == 0 && told.layer == GUARD_REACTIVE, "what holds is told");
        fakedaemon_see(daemon);
        must_be(lease_guard(daemon->ledger->leases[0]) == GUARD_GATED, "it gets better");
        fakedaemon_release_all(daemon);
}

/* ---------------------------------------------------------------------------------------------- */

static void run(void (*life)(FakeDaemon *daemon))
{
        char path[FAKEHOST_PATH_SIZE];
        FakeService service = {.n_items = 0};
        HostPaths host;

        fakehost_make(machine, ARRAY_SIZE(machine), &host);
        fakeservice_start(&service, fakehost_path(path, "notify"));
        faults_start(&(Fault){.kind = FAULT_NONE});
        (void)fflush(stdout);
        pid_t child = fork();
        if (child < 0)
                abort();
        if (child == 0) {
                FakeDaemon daemon;

                faults_set_daemon();
                fakedaemon_log();
                fakedaemon_start(&daemon, &host, &service);
                life(&daemon);
                fakedaemon_end(&daemon);
                fakedaemon_check_end();
                _exit(0);
        }
        int status = fakeservice_run(&service, child);
        if (!CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0))
                fakedaemon_print_log();
        fakeservice_stop(&service);
        fakehost_remove();
}

static void test_orders_that_change(void)
{
        run(live);
}

static void test_asking(void)
{
        run(live_asking);
}

static void test_asking_late(void)
{
        run(live_asking_late);
}

int main(void)
{
        static const TapTest tests[] = {
                {"orders that change before a guard process has ended", test_orders_that_change},
                {"the answer has the guard that holds", test_asking},
                {"a guard process that is late delays no answer", test_asking_late},
        };

        return tap_run(tests);
}
