/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The daemon through random events. Cards appear and disappear, leases are acquired and released,
 * the kernel wins races, root undoes seals, binds drivers and unbinds them, and the daemon is
 * killed and started again. In each daemon's life one write may fail, or be its last.
 *
 * After each step no leased function has a host driver. In the end the machine is as if it never
 * had a lease.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/model/pcicap.h"
#include "tests/daemon/fakedaemon.h"
#include "tests/daemon/faults.h"
#include "tests/unit/sanitized.h"
#include "tests/unit/tap.h"

#define STEPS 40
#define FATES (IS_SANITIZED ? 15 : 60)
#define FAULT_AT_MAX 20

static const FakeDevice machine[] = {
        {"0000:00:02.0", NULL, PCIE_TYPE_ROOT_PORT, 1, "pcieport", NULL, 1, true, true},
        {"0000:00:02.1", NULL, PCIE_TYPE_ROOT_PORT, 1, "pcieport", NULL, 2, true, true},
        {"0000:01:00.0", "0000:00:02.0", PCIE_TYPE_ENDPOINT, 1, "e1000e"},
        {"0000:02:00.0", "0000:00:02.1", PCIE_TYPE_ENDPOINT, 1, "igb", .is_away = true},
        {"0000:00:05.0", NULL, PCIE_TYPE_ROOT_PORT, 2, "pcieport", NULL, 5}, /* no slot */
        {"0000:05:00.0", "0000:00:05.0", PCIE_TYPE_ENDPOINT, 2, "ixgbe", .has_vfs = true,
         .multifunction = true},
        {"0000:05:00.1", "0000:00:05.0", PCIE_TYPE_ENDPOINT, 2, NULL, "isolationd-block",
         .multifunction = true},
};
static const char *const cards[] = {"0000:01:00.0", "0000:02:00.0", "0000:05:00.0", "0000:05:00.1"};

/* The progress of a run, which outlives each daemon. */
typedef struct Fate {
        uint64_t state;
        unsigned step;
} Fate;

static Fate *fate;
static uint64_t first = 1;
static unsigned n_fates = FATES, n_struck;

/* xorshift64*, 0 to `n` - 1. */
static unsigned draw(unsigned n)
{
        fate->state ^= fate->state >> 12;
        fate->state ^= fate->state << 25;
        fate->state ^= fate->state >> 27;
        return (unsigned)((fate->state * 0x2545f4914f6cdd1dULL) >> 33) % n;
}

static const char *draw_card(void)
{
        return cards[draw(ARRAY_SIZE(cards))];
}

/* Inserts or removes the card, or puts it into a slot where it waits. */
static void move_card(const char *card)
{
        if (fakehost_is_present(fakehost_find(card)) || fakehost_has("fake/waiting/%s", card))
                fakehost_unplug(card);
        else
                fakehost_plug(card);
}

/* Root tries to bind the host driver to a held device, which works if the kernel permits it. */
static void bind_by_hand(FakeDaemon *daemon, const char *card)
{
        const FakeDevice *device = fakehost_find(card);
        char path[FAKEHOST_PATH_SIZE], name[FAKEHOST_NAME_SIZE];
        const Lease *lease = fakedaemon_lease(daemon, card);

        if (!lease || !device->driver || !fakehost_is_present(device) ||
            fakehost_driver(device, name)[0])
                return;
        (void)fakehost_write(fakehost_path(path, "bus/pci/devices/%s/driver_override", card), "\n");
        if (fakehost_write(fakehost_path(path, "bus/pci/drivers/%s/bind", device->driver), card) <
            0)
                (void)fakehost_write(
                        fakehost_path(path, "bus/pci/devices/%s/driver_override", card),
                        "isolationd-held");
}

static void unbind_by_hand(const char *card)
{
        char path[FAKEHOST_PATH_SIZE];

        (void)fakehost_write(fakehost_path(path, "bus/pci/drivers/vfio-pci/unbind"), card);
}

static void open_by_hand(void)
{
        char path[FAKEHOST_PATH_SIZE], name[FAKEHOST_NAME_SIZE];

        (void)fakehost_write(fakehost_path(path, "bus/pci_express/drivers/pciehp/bind"),
                             fakehost_service(fakehost_at(draw(2)), name));
}

/* One step; returns what it was. */
static const char *step(FakeDaemon *daemon)
{
        const char *card = draw_card();

        switch (draw(13)) {
        case 0:
        case 1:
        case 2:
                move_card(card);
                return "a card comes or goes";
        case 3:
        case 4:
        case 5:
                fakehost_race(false); /* a device taken without a driver gets none */
                if (fakehost_is_present(fakehost_find(card)))
                        (void)fakedaemon_acquire(daemon, card,
                                                 (LeaseMode)(1 + draw(_LEASE_MODE_N - 1)));
                return "acquired";
        case 6:
                if (daemon->ledger->n_leases > 0)
                        fakedaemon_release(daemon, draw((unsigned)daemon->ledger->n_leases));
                return "released";
        case 7:
                fakehost_rescan(NULL);
                return "a rescan";
        case 8:
                fakehost_race(draw(2));
                return "a race";
        case 9:
                bind_by_hand(daemon, card);
                return "bound by hand";
        case 10:
                open_by_hand();
                return "a slot opened by hand";
        case 11:
                unbind_by_hand(card);
                return "unbound by hand";
        default:
                (void)kill(0, SIGKILL); /* the daemon's whole process group */
                return "";
        }
}

static void live(const HostPaths *host, const FakeService *service)
{
        FakeDaemon daemon;

        fakedaemon_start(&daemon, host, service);
        while (fate->step < STEPS) {
                const char *what;

                fate->step++;
                what = step(&daemon);
                (void)fprintf(stderr, "step %u: %s\n", fate->step, what);
                fakedaemon_see(&daemon);
                fakedaemon_check(&daemon, what);
        }
        fakedaemon_release_all(&daemon);
        fakedaemon_end(&daemon);
        fakedaemon_check_end();
}

static int spawn(const HostPaths *host, FakeService *service)
{
        (void)fflush(stdout);
        pid_t child = fork();
        if (child < 0)
                abort();
        if (child > 0)
                return fakeservice_run(service, child);
        faults_set_daemon();
        fakedaemon_log();
        live(host, service);
        _exit(0);
}

static bool suffer(uint64_t seed)
{
        char path[FAKEHOST_PATH_SIZE];
        FakeService service;
        HostPaths host;
        Fault fault;
        int status;

        *fate = (Fate){.state = seed * 0x9e3779b97f4a7c15ULL + 1};
        fakehost_make(machine, ARRAY_SIZE(machine), &host);
        fakeservice_start(&service, fakehost_path(path, "notify"));
        do {
                fault = (Fault){.kind = draw(FAULT_DIES_AFTER + 1), .error = EBUSY};
                fault.at = 1 + draw(FAULT_AT_MAX);
                faults_start(&fault);
                status = spawn(&host, &service);
                n_struck += faults_has_struck();
        } while (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0 && service.n_items == 0;
        if (!ok) {
                printf("# fate %llu, step %u, fault %d at %u: status %x, %zu fds stay\n",
                       (unsigned long long)seed, fate->step, fault.kind, fault.at, (unsigned)status,
                       service.n_items);
                fakedaemon_print_log();
                (void)fflush(stdout);
        }
        fakeservice_stop(&service);
        fakehost_remove();
        return ok;
}

static void test_fates(void)
{
        unsigned n_violations = 0;

        for (uint64_t seed = first; seed < first + n_fates; seed++)
                n_violations += !suffer(seed);
        printf("# tell: fake host, %u fates of %u steps drawn at random: %u points tried, "
               "%u violations\n",
               n_fates, STEPS, n_struck, n_violations);
        CHECK(n_struck > 0);
        CHECK_NUMBER(n_violations, 0);
}

/* Or a fate chosen on the command line: "test_daemon_fates FIRST COUNT". */
int main(int argc, char **argv)
{
        static const TapTest tests[] = {{"fates", test_fates}};

        if (argc == 3) {
                first = strtoull(argv[1], NULL, 10);
                n_fates = (unsigned)strtoul(argv[2], NULL, 10);
        }

        fate = mmap(NULL, sizeof(*fate), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        return fate == MAP_FAILED ? 1 : tap_run(tests);
}
