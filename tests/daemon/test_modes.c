/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The crash sweep, for each mode. Two groups are in one lease, their owner claims them as the mode
 * requires, a card joins, and the lease is released. The run is repeated for every point of a write
 * and every fault there: it fails in one of several ways, it is ignored, it hangs past the
 * deadline, the worker dies, or the daemon dies before or after it, with or without the fds in the
 * service manager's store.
 *
 * After each run no lease is lost and no group is in two leases. No leased function has a host
 * driver, and no user may open a node without a lease. In the end the machine is as it was.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/model/pcicap.h"
#include "core/probe/cleanup.h"
#include "daemon/facts/guard_facts.h"
#include "daemon/host/acl.h"
#include "daemon/lease/nodes.h"
#include "daemon/lease/state.h"
#include "daemon/limits/request.h"
#include "daemon/requests/requests.h"
#include "tests/daemon/fakedaemon.h"
#include "tests/daemon/faults.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define CARD "0000:01:00.0"
#define JOINER "0000:02:00.0"
#define LONE "0000:05:00.0"
#define LEASES_MAX 8

static const FakeDevice machine[] = {
        {"0000:00:02.0", NULL, PCIE_TYPE_ROOT_PORT, 1, "pcieport", NULL, 1, true, true},
        {"0000:00:02.1", NULL, PCIE_TYPE_ROOT_PORT, 1, "pcieport", NULL, 2, true, true},
        {CARD, "0000:00:02.0", PCIE_TYPE_ENDPOINT, 1, "e1000e"},
        {JOINER, "0000:00:02.1", PCIE_TYPE_ENDPOINT, 1, "igb", .is_away = true},
        {"0000:00:05.0", NULL, PCIE_TYPE_ROOT_PORT, 2, "pcieport", NULL, 5, .has_slot = true},
        {LONE, "0000:00:05.0", PCIE_TYPE_ENDPOINT, 2, "ixgbe", .has_vfs = true,
         .multifunction = true},
        {"0000:05:00.1", "0000:00:05.0", PCIE_TYPE_ENDPOINT, 2, NULL, "isolationd-block",
         .multifunction = true},
        {"0000:00:07.0", NULL, PCIE_TYPE_RC_ENDPOINT, 3, "ahci"},
};

typedef struct Run {
        HostPaths host;
        FakeService service;
} Run;

static LeaseMode mode;

static void must_be(bool ok, const char *what)
{
        if (ok)
                return;
        (void)fprintf(stderr, "VIOLATED: %s\n", what);
        _exit(2);
}

/* --- the owner -------------------------------------------------------------------------------- */

typedef struct Owner {
        int fds[2]; /* of both groups, locked: claimed */
} Owner;

static void owner_claim(Owner *owner)
{
        char path[FAKEHOST_PATH_SIZE];

        for (int i = 0; i < 2; i++) {
                owner->fds[i] = open(fakehost_path(path, "dev/vfio/%d", i + 1), O_RDWR | O_CLOEXEC);
                if (owner->fds[i] >= 0)
                        (void)flock(owner->fds[i], LOCK_EX | LOCK_NB);
        }
}

static void owner_close(Owner *owner)
{
        for (int i = 0; i < 2; i++)
                closep(&owner->fds[i]);
}

/* --- invariants ------------------------------------------------------------------------------- */

static GuardLayer claimed_layer(void)
{
        return mode == LEASE_MODE_PATH ? GUARD_SEALED : GUARD_OWNED;
}

static void check_guard(const FakeDaemon *daemon, GuardLayer layer, const char *when)
{
        const Lease *lease = fakedaemon_lease(daemon, CARD);

        if (!lease || lease_guard(lease) == layer)
                return;
        (void)fprintf(stderr, "%s: guard %s, not %s\n", when,
                      guard_layer_to_string(lease_guard(lease)),
                      guard_layer_to_string(layer));
        must_be(false, "the guard");
}

/* No group is in two leases, and a uid may open the nodes of its leases and no others. */
static void check_leases(const FakeDaemon *daemon, const char *when)
{
        const Lease *lease = fakedaemon_lease(daemon, CARD);
        char path[FAKEHOST_PATH_SIZE];
        size_t n = 0;

        fakedaemon_check(daemon, when);
        for (size_t i = 0; i < daemon->ledger->n_leases; i++)
                n += lease_record_has_group(daemon->ledger->leases[i]->record, 1);
        must_be(n <= 1, "a group is in two leases");
        if (lease && nodes_are_for(mode))
                must_be(nodes_are_granted(&daemon->ledger->host, lease->record),
                        "the owner may not open what is leased");
        if (!lease && n == 0)
                must_be(!acl_has(fakehost_path(path, "dev/vfio/1"), FAKEHOST_UID) &&
                                !acl_has(fakehost_path(path, "dev/vfio/vfio"), FAKEHOST_UID),
                        "a node is open without a lease");
}

/* --- a daemon's life -------------------------------------------------------------------------- */

static void live(const Run *run, bool undisturbed)
{
        static const char *const both[] = {CARD, LONE, NULL};
        Owner owner = {{-1, -1}};
        FakeDaemon daemon;

        fakedaemon_start(&daemon, &run->host, &run->service);
        int r = fakedaemon_acquire_all(&daemon, both, mode);
        must_be(r == 0 || !undisturbed, "the lease is had");
        must_be(fakedaemon_told(AUDIT_FORCED) > 0 || !undisturbed, "the journal tells of force");
        must_be(r == 0 || !fakedaemon_lease(&daemon, CARD), "a lease that was refused");
        must_be(fakedaemon_acquire(&daemon, CARD, mode) != 0 || r != 0, "a group twice");
        check_leases(&daemon, "leased");
        check_guard(&daemon, lease_mode_claims(mode) ? GUARD_OWNED : GUARD_SEALED, "leased");

        if (!lease_mode_claims(mode) && fakedaemon_lease(&daemon, LONE))
                owner_claim(&owner);
        fakedaemon_ask(&daemon);
        fakedaemon_see(&daemon);
        check_leases(&daemon, "claimed");
        if (fakedaemon_lease(&daemon, LONE) && !faults_has_struck())
                check_guard(&daemon, claimed_layer(), "claimed");

        fakehost_plug(JOINER);
        fakedaemon_see(&daemon);
        check_leases(&daemon, "joined");

        owner_close(&owner);
        fakedaemon_release_all(&daemon);
        check_leases(&daemon, "released");
        fakedaemon_end(&daemon);
        fakedaemon_check_end();
}

static void on_answer(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        *(int *)userdata = answer->code;
}

/* Requests the mode after another mode, which turns out to be missing in the kernel. */
static void live_otherwise(const Run *run, bool undisturbed)
{
        static const char *const card[] = {CARD, NULL};
        const AcquireRequest request = {
                .selectors = card,
                .options.modes = {LEASE_MODE_IOMMUFD, mode},
                .options.n_modes = 2,
                .options.lifetime = LEASE_LIFETIME_PERSISTENT,
                .options.force = true,
                .who.path_uid = FAKEHOST_UID,
                .who.unit = "",
        };
        /* Neither of the iommufd modes works without character devices. */
        const bool can = mode != LEASE_MODE_IOMMUFD && mode != LEASE_MODE_IOMMUFD_UNBOUND;
        char service[FAKEHOST_NAME_SIZE];
        int code = _REFUSAL_N;
        FakeDaemon daemon;

        fakedaemon_start(&daemon, &run->host, &run->service);
        fakehost_lack_cdevs();
        request_acquire(daemon.ledger, &request, on_answer, &code);
        must_be(daemon.ledger->n_leases == 1, "the lease is made");
        const LeaseRecord *record = daemon.ledger->leases[0]->record;
        while (can && code == _REFUSAL_N && record->mode == LEASE_MODE_IOMMUFD)
                must_be(event_base_loop(daemon.base, EVLOOP_ONCE) == 0, "the loop goes on");
        must_be(code == _REFUSAL_N && (!can || record->mode == mode), "the other mode is tried");
        /*
         * Recorded before the worker starts: the seals to set before the first driver is unbound.
         */
        for (size_t i = 0; can && i < 2; i++)
                must_be(lease_record_has_change(record, LEASE_CHANGE_SEAL,
                                                fakehost_service(&machine[i], service)) ==
                                !lease_mode_claims(mode),
                        "the seals that the mode needs");
        fakedaemon_see(&daemon);
        must_be(code == (can ? 0 : (int)REFUSAL_UNSUPPORTED), "the lease is had");
        check_leases(&daemon, "leased otherwise");
        check_guard(&daemon, lease_mode_claims(mode) ? GUARD_OWNED : GUARD_SEALED, "otherwise");
        fakedaemon_release_all(&daemon);
        fakedaemon_end(&daemon);
        fakedaemon_check_end();
}

/* The leases that their owners held when the daemon died, one bit each. */
static unsigned find_leased(void)
{
        char path[FAKEHOST_PATH_SIZE];
        unsigned leased = 0;

        for (uint32_t id = 1; id < LEASES_MAX; id++) {
                _cleanup_(lease_record_freep) LeaseRecord *record = NULL;

                if (lease_state_read(fakehost_path(path, "state"), id, &record) == 0 &&
                    record->state == LEASE_LEASED)
                        leased |= 1U << id;
        }
        return leased;
}

static void live_on(const Run *run, bool has_fds)
{
        unsigned leased = has_fds ? find_leased() : 0;
        FakeDaemon daemon;

        fakedaemon_start(&daemon, &run->host, &run->service);
        for (uint32_t id = 1; id < LEASES_MAX; id++) {
                const Lease *lease = ledger_find_lease(daemon.ledger, id);

                must_be(!(leased >> id & 1) || (lease && lease->record->state == LEASE_LEASED),
                        "a lease is lost");
        }
        check_leases(&daemon, "taken over");
        fakedaemon_ask(&daemon);
        fakedaemon_see(&daemon);
        check_leases(&daemon, "seen again");
        check_guard(&daemon, lease_mode_claims(mode) ? GUARD_OWNED : GUARD_SEALED, "seen again");
        fakedaemon_release_all(&daemon);
        fakedaemon_end(&daemon);
        fakedaemon_check_end();
}

typedef void (*Life)(const Run *run, bool flag);

static int spawn(Run *run, Life life, bool flag)
{
        (void)fflush(stdout);
        pid_t child = fork();
        if (child < 0)
                abort();
        if (child > 0)
                return fakeservice_run(&run->service, child);
        faults_set_daemon();
        fakedaemon_log();
        life(run, flag);
        _exit(0);
}

/* One run; returns whether it succeeded. */
static bool go(Life life, const Fault *fault, bool loses_fds)
{
        char path[FAKEHOST_PATH_SIZE];
        Run run = {.service = {.n_items = 0}};

        fakehost_make(machine, ARRAY_SIZE(machine), &run.host);
        /* The card's lease is forced: the fake host has no /proc to check its uses. */
        tree_file("disks/" CARD "/block/sda/dev", "8:0\n");
        tree_link("class/block/sda", "../../disks/" CARD "/block/sda");
        fakeservice_start(&run.service, fakehost_path(path, "notify"));
        faults_start(fault);
        int status = spawn(&run, life, fault->kind == FAULT_NONE);
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && faults_has_struck()) {
                if (loses_fds)
                        fakeservice_forget(&run.service);
                status = spawn(&run, live_on, !loses_fds);
        }
        bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0 && run.service.n_items == 0;
        if (!ok) {
                printf("# fault %d (error %d) at %u: status %x, %zu fds stay in the store\n",
                       fault->kind, fault->error, fault->at, (unsigned)status, run.service.n_items);
                fakedaemon_print_log();
        }
        fakeservice_stop(&run.service);
        fakehost_remove();
        return ok;
}

/* Tries every point in turn, until the run ends before the point is reached. */
static void sweep(const char *name, const Fault *fault, bool loses_fds)
{
        unsigned n_tried = 0, n_violations = 0;
        Fault now = *fault;

        for (now.at = 1;; now.at += faults_step()) {
                bool ok = go(live, &now, loses_fds);

                if (faults_passed() < now.at)
                        break;
                n_tried += faults_has_struck();
                n_violations += !ok;
        }
        printf("# tell: fake host, mode %s, %s: %u points tried, %u violations\n",
               lease_mode_to_string(mode), name, n_tried, n_violations);
        CHECK(n_tried > 10 / faults_step());
        CHECK_NUMBER(n_violations, 0);
}

static void test_undisturbed(void)
{
        CHECK(go(live, &(Fault){.kind = FAULT_NONE}, false));
        CHECK(faults_passed() > 30);
        printf("# %u points where something is written\n", faults_passed());
}

static void test_otherwise(void)
{
        CHECK(go(live_otherwise, &(Fault){.kind = FAULT_NONE}, false));
}

static void test_fails(void)
{
        sweep("EBUSY", &(Fault){.kind = FAULT_ERROR, .error = EBUSY}, false);
        sweep("EIO", &(Fault){.kind = FAULT_ERROR, .error = EIO}, false);
        sweep("ENODEV", &(Fault){.kind = FAULT_ERROR, .error = ENODEV}, false);
        sweep("ignored", &(Fault){.kind = FAULT_IGNORED}, false);
}

static void test_hangs(void)
{
        sweep("timeout", &(Fault){.kind = FAULT_HANGS}, false);
}

static void test_worker_dies(void)
{
        sweep("worker killed", &(Fault){.kind = FAULT_WORKER_DIES}, false);
}

static void test_daemon_dies(void)
{
        sweep("daemon killed before", &(Fault){.kind = FAULT_DIES_BEFORE}, false);
        sweep("daemon killed after", &(Fault){.kind = FAULT_DIES_AFTER}, false);
        sweep("daemon killed, fds lost", &(Fault){.kind = FAULT_DIES_AFTER}, true);
}

int main(int argc, char **argv)
{
        static const TapTest tests[] = {
                {"undisturbed", test_undisturbed},
                {"in place of another mode", test_otherwise},
                {"each write fails", test_fails},
                {"each write hangs", test_hangs},
                {"the worker dies at each write", test_worker_dies},
                {"the daemon dies at each write", test_daemon_dies},
        };

        mode = argc > 1 ? lease_mode_from_string(argv[1]) : LEASE_MODE_NONE;
        if (mode == LEASE_MODE_NONE) {
                (void)fprintf(stderr, "which mode?\n");
                return 2;
        }
        return tap_run(tests);
}
