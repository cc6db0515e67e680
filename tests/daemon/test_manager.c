/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The whole daemon on a host made of files: two leased groups, a card that joins, a card that is
 * lost, sealed slots, a race that the kernel wins, and the release of everything.
 *
 * Then the same with one fault at each point of a write: the write fails, it is ignored, the worker
 * dies, or the daemon dies and another one takes over, with or without the fds in the service
 * manager's store. After each, no leased function has a host driver. After the releases the machine
 * is as if it never had a lease.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/model/pcicap.h"
#include "daemon/facts/guard_facts.h"
#include "tests/daemon/fakedaemon.h"
#include "tests/daemon/faults.h"
#include "tests/unit/tap.h"

#define CARD "0000:01:00.0"
#define JOINER "0000:02:00.0"
#define LONE "0000:05:00.0"
#define OTHER "0000:06:00.0" /* in no lease */

/* The two slots that lead into the card's group: served by pciehp, or impossible to seal. */
enum {
        SEALED,
        GATED,
        _N_MACHINES,
};

static FakeDevice machine[] = {
        {"0000:00:02.0", NULL, PCIE_TYPE_ROOT_PORT, 1, "pcieport", NULL, 1, true, true},
        {"0000:00:02.1", NULL, PCIE_TYPE_ROOT_PORT, 1, "pcieport", NULL, 2, true, true},
        {CARD, "0000:00:02.0", PCIE_TYPE_ENDPOINT, 1, "e1000e", .resets = "bus"},
        {JOINER, "0000:00:02.1", PCIE_TYPE_ENDPOINT, 1, "igb", .is_away = true},
        {"0000:00:05.0", NULL, PCIE_TYPE_ROOT_PORT, 2, "pcieport", NULL, 5, .has_slot = true},
        {LONE, "0000:00:05.0", PCIE_TYPE_ENDPOINT, 2, "ixgbe", .has_vfs = true,
         .multifunction = true, .resets = "flr bus"},
        {"0000:05:00.1", "0000:00:05.0", PCIE_TYPE_ENDPOINT, 2, NULL, "isolationd-block",
         .multifunction = true},
        {"0000:00:06.0", NULL, PCIE_TYPE_ROOT_PORT, 4, "pcieport", NULL, 6, .has_slot = true},
        {OTHER, "0000:00:06.0", PCIE_TYPE_ENDPOINT, 4, "r8169", .is_away = true},
        {"0000:00:07.0", NULL, PCIE_TYPE_RC_ENDPOINT, 3, "ahci"},
};

/* Events between a daemon's death and the start of the next one. */
typedef struct Death {
        bool loses_fds;          /* the service manager has stored none */
        void (*meanwhile)(void); /* or NULL */
} Death;

typedef struct Run {
        int machine;
        HostPaths host;
        FakeService service;
} Run;

static void must_be(bool ok, const char *what)
{
        if (ok)
                return;
        (void)fprintf(stderr, "VIOLATED: %s\n", what);
        _exit(2);
}

static void check_guard(const FakeDaemon *daemon, const char *address, GuardLayer layer)
{
        const Lease *lease = fakedaemon_lease(daemon, address);

        if (!lease || lease_guard(lease) == layer)
                return;
        /* After a failure to shut the gate the daemon gives the gate up. */
        if (layer == GUARD_GATED && faults_has_struck() &&
            lease_guard(lease) == GUARD_REACTIVE)
                return;
        (void)fprintf(stderr, "VIOLATED: the guard of %s is %s, not %s\n", address,
                      guard_layer_to_string(lease_guard(lease)),
                      guard_layer_to_string(layer));
        _exit(2);
}

/* What guards the card's group when it is no longer owned. */
static const GuardLayer weaker[_N_MACHINES] = {[SEALED] = GUARD_SEALED, [GATED] = GUARD_GATED};

/* Without a fault every acquire succeeds. */
static void live(const Run *run, bool undisturbed)
{
        char driver[FAKEHOST_NAME_SIZE];
        FakeDaemon daemon;
        const Lease *lease;

        fakedaemon_start(&daemon, &run->host, &run->service);
        must_be(fakedaemon_acquire(&daemon, CARD, LEASE_MODE_VFIO) == 0 || !undisturbed, "card");
        must_be(fakedaemon_acquire(&daemon, LONE, LEASE_MODE_IOMMUFD) == 0 || !undisturbed, "lone");
        must_be(fakedaemon_acquire(&daemon, CARD, LEASE_MODE_VFIO) != 0 || faults_has_struck(),
                "a group twice");
        fakedaemon_check(&daemon, "leased");

        fakehost_plug(JOINER);
        fakedaemon_see(&daemon);
        fakedaemon_check(&daemon, "joined");
        check_guard(&daemon, CARD, GUARD_OWNED);

        fakehost_unplug(CARD);
        fakedaemon_see(&daemon);
        fakedaemon_check(&daemon, "lost");
        check_guard(&daemon, CARD, weaker[run->machine]);
        check_guard(&daemon, LONE, GUARD_OWNED);
        fakehost_plug(CARD);
        must_be(run->machine == GATED || !fakedaemon_lease(&daemon, CARD) ||
                        !fakehost_is_present(fakehost_find(CARD)),
                "a card comes into a sealed slot");
        fakehost_plug(OTHER);
        must_be(fakehost_driver(fakehost_find(OTHER), driver)[0] || !undisturbed,
                "a card that is nobody's waits");

        /* While the gate is shut the kernel cannot win a race. */
        fakehost_race(true);
        fakehost_rescan(NULL);
        fakedaemon_see(&daemon);
        fakedaemon_check(&daemon, "raced");
        lease = fakedaemon_lease(&daemon, CARD);
        must_be(!lease || !undisturbed ||
                        !lease->record->condition.breach == (run->machine == GATED),
                "a breach that nobody noticed, or that was none");

        fakedaemon_release_all(&daemon);
        for (size_t i = 0; undisturbed && i < ARRAY_SIZE(machine); i++)
                must_be(!machine[i].resets || !fakehost_is_used(&machine[i]),
                        "a device is handed on without a reset");
        fakedaemon_end(&daemon);
        fakedaemon_check_end();
}

/* The work of a daemon that starts on the state of a dead one. */
static void live_on(const Run *run)
{
        char driver[FAKEHOST_NAME_SIZE];
        FakeDaemon daemon;

        fakedaemon_start(&daemon, &run->host, &run->service);
        fakedaemon_check(&daemon, "taken over");
        fakedaemon_see(&daemon);
        fakedaemon_check(&daemon, "seen again");
        check_guard(&daemon, CARD,
                    strcmp(fakehost_driver(fakehost_find(CARD), driver), "vfio-pci") == 0
                            ? GUARD_OWNED
                            : weaker[run->machine]);
        fakedaemon_release_all(&daemon);
        fakedaemon_end(&daemon);
        fakedaemon_check_end();
}

/*
 * Runs a daemon's life in a process of its own, with its output in a file. Returns its wait status.
 */
static int spawn(Run *run, bool is_first, bool undisturbed)
{
        (void)fflush(stdout);
        pid_t child = fork();
        if (child < 0)
                abort();
        if (child > 0)
                return fakeservice_run(&run->service, child);
        faults_set_daemon();
        fakedaemon_log();
        if (is_first)
                live(run, undisturbed);
        else
                live_on(run);
        _exit(0);
}

/* One run; returns whether it succeeded. */
static bool go(int which, const Fault *fault, const Death *death)
{
        char path[FAKEHOST_PATH_SIZE];
        Run run = {.machine = which};

        for (size_t i = 0; i < 2; i++) {
                machine[i].has_slot = which == SEALED;
                machine[i].has_open_slot = which == GATED;
        }
        fakehost_make(machine, ARRAY_SIZE(machine), &run.host);
        fakeservice_start(&run.service, fakehost_path(path, "notify"));
        faults_start(fault);
        int status = spawn(&run, true, fault->kind == FAULT_NONE);
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && faults_has_struck()) {
                if (death->loses_fds)
                        fakeservice_forget(&run.service);
                if (death->meanwhile)
                        death->meanwhile();
                status = spawn(&run, false, false);
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

static void test_undisturbed(void)
{
        for (int which = 0; which < _N_MACHINES; which++) {
                CHECK(go(which, &(Fault){.kind = FAULT_NONE}, NULL));
                CHECK(!faults_has_struck());
                CHECK(faults_passed() > 30);
                printf("# %u points where something is written\n", faults_passed());
        }
}

/* Tries every point in turn, until the run ends before the point is reached. */
static void sweep_machine(int which, const char *name, const Fault *fault, const Death *death)
{
        unsigned n_tried = 0, n_violations = 0;
        Fault now = *fault;

        for (now.at = 1;; now.at += faults_step()) {
                bool ok = go(which, &now, death);

                if (faults_passed() < now.at)
                        break;
                n_tried += faults_has_struck();
                n_violations += !ok;
        }
        printf("# tell: fake host, owned, then %s, %s: %u points tried, %u violations\n",
               guard_layer_to_string(weaker[which]), name, n_tried, n_violations);
        CHECK(n_tried > 10 / faults_step());
        CHECK_NUMBER(n_violations, 0);
}

static void sweep(const char *name, const Fault *fault, const Death *death)
{
        for (int which = 0; which < _N_MACHINES; which++)
                sweep_machine(which, name, fault, death);
}

static void test_fails(void)
{
        sweep("EBUSY", &(Fault){.kind = FAULT_ERROR, .error = EBUSY}, NULL);
}

static void test_ignored(void)
{
        sweep("ignored", &(Fault){.kind = FAULT_IGNORED}, NULL);
}

static void test_worker_dies(void)
{
        sweep("worker killed", &(Fault){.kind = FAULT_WORKER_DIES}, NULL);
}

static void test_dies(void)
{
        sweep("daemon killed", &(Fault){.kind = FAULT_DIES_AFTER}, &(Death){.loses_fds = false});
}

static void come_or_go(void)
{
        if (fakehost_is_present(fakehost_find(JOINER)))
                fakehost_unplug(JOINER);
        else
                fakehost_plug(JOINER);
        if (!fakehost_is_present(fakehost_find(OTHER)))
                fakehost_plug(OTHER);
}

/* Out of its slot and in again: a new device that no lease has. */
static void replug(void)
{
        fakehost_unplug(CARD);
        fakehost_plug(CARD);
}

static void test_joined_meanwhile(void)
{
        sweep("daemon killed, a card comes or goes", &(Fault){.kind = FAULT_DIES_BEFORE},
              &(Death){.meanwhile = come_or_go});
}

static void test_replugged_meanwhile(void)
{
        sweep("daemon killed, a leased card is replugged", &(Fault){.kind = FAULT_DIES_AFTER},
              &(Death){.meanwhile = replug});
}

static void test_loses_fds(void)
{
        sweep("daemon killed, fds lost, a leased card is replugged",
              &(Fault){.kind = FAULT_DIES_BEFORE},
              &(Death){.loses_fds = true, .meanwhile = replug});
}

/* Two halves, for two processors: "deaths", and all other faults. */
int main(int argc, char **argv)
{
        static const TapTest faults[] = {
                {"undisturbed", test_undisturbed},
                {"each write fails", test_fails},
                {"each write is ignored", test_ignored},
                {"the worker dies before each write", test_worker_dies},
        };
        static const TapTest deaths[] = {
                {"the daemon dies after each write", test_dies},
                {"and a card comes or goes before it is back", test_joined_meanwhile},
                {"and a leased card is pulled and pushed in again", test_replugged_meanwhile},
                {"and the service manager has kept nothing", test_loses_fds},
        };

        return argc > 1 && strcmp(argv[1], "deaths") == 0 ? tap_run(deaths) : tap_run(faults);
}
