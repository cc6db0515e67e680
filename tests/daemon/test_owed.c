/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Devices that leave a lease half-way, on the host made of files: a device that only our driver has
 * left, a joiner whose taking fails after the worker did it, and a joiner of a lease whose acquire
 * failed. After the release the machine is as if it never had a lease.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/model/pcicap.h"
#include "daemon/descriptors/descriptors.h"
#include "daemon/host/block.h"
#include "daemon/host/critical.h"
#include "daemon/limits/request.h"
#include "daemon/requests/requests.h"
#include "daemon/work/work.h"
#include "tests/daemon/fakedaemon.h"
#include "tests/daemon/faults.h"
#include "tests/unit/tap.h"

#define CARD "0000:01:00.0"
#define JOINER "0000:02:00.0"
#define RESERVED "0000:05:00.0"
#define LONE "0000:00:07.0" /* alone in its group */

static const FakeDevice machine[] = {
        {"0000:00:02.0", NULL, PCIE_TYPE_ROOT_PORT, 1, "pcieport", NULL, 1, true, true},
        {"0000:00:02.1", NULL, PCIE_TYPE_ROOT_PORT, 1, "pcieport", NULL, 2, true, true},
        {CARD, "0000:00:02.0", PCIE_TYPE_ENDPOINT, 1, "e1000e", .resets = "bus"},
        {JOINER, "0000:00:02.1", PCIE_TYPE_ENDPOINT, 1, "igb", .is_away = true},
        {"0000:00:05.0", NULL, PCIE_TYPE_ROOT_PORT, 2, "pcieport", NULL, 5},
        {RESERVED, "0000:00:05.0", PCIE_TYPE_ENDPOINT, 2, "ixgbe", "isolationd-block",
         .resets = "flr"},
        {LONE, NULL, PCIE_TYPE_RC_ENDPOINT, 3, "ahci", .resets = "flr"},
};

static const char *const members[] = {CARD, RESERVED, LONE};
static HostPaths host;
static FakeService service;
static bool store_fails;

static void must_be(bool ok, const char *what)
{
        if (ok)
                return;
        (void)fprintf(stderr, "VIOLATED: %s\n", what);
        _exit(2);
}

/* --- stubs ------------------------------------------------------------------------------------ */

int __wrap_critical_check(const HostPaths *paths, Bdf bdf, char **ret_message);
int __wrap_critical_check_but(const HostPaths *paths, Bdf bdf, CriticalKind ignored,
                              char **ret_message);
int __wrap_vfio_claim_again(const HostPaths *paths, LeaseMode mode, const VfioFds *fds, Bdf bdf,
                            int32_t group, VfioFds *ret_fds, char **ret_message);
int __wrap_fdstore_replace(const LeaseRecord *record, size_t index, int fd);
int __real_fdstore_replace(const LeaseRecord *record, size_t index, int fd);

int __wrap_critical_check(const HostPaths *paths, Bdf bdf, char **ret_message)
{
        return 0;
}

/* The host uses every device that is not taken by force. */
int __wrap_critical_check_but(const HostPaths *paths, Bdf bdf, CriticalKind ignored,
                              char **ret_message)
{
        return host_refuse(REFUSAL_CRITICAL, ret_message, "the host lives on it");
}

int __wrap_vfio_claim_again(const HostPaths *paths, LeaseMode mode, const VfioFds *fds, Bdf bdf,
                            int32_t group, VfioFds *ret_fds, char **ret_message)
{
        char text[BDF_TEXT_SIZE];

        ret_fds->n_items = 1;
        ret_fds->items[0].fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        (void)snprintf(ret_fds->items[0].name, sizeof(ret_fds->items[0].name), "device:%s",
                       bdf_format(bdf, text));
        return 0;
}

int __wrap_fdstore_replace(const LeaseRecord *record, size_t index, int fd)
{
        return store_fails ? -ENOBUFS : __real_fdstore_replace(record, index, fd);
}

/* --- steps ------------------------------------------------------------------------------------ */

static const char *driver_of(const char *address)
{
        static char name[FAKEHOST_NAME_SIZE];

        return fakehost_driver(fakehost_find(address), name);
}

static void unbind(const char *address)
{
        char path[FAKEHOST_PATH_SIZE];

        must_be(fakehost_write(fakehost_path(path, "bus/pci/drivers/vfio-pci/unbind"), address) ==
                        0,
                "our driver leaves");
}

static void acquire(FakeDaemon *daemon, const char *address)
{
        must_be(fakedaemon_acquire(daemon, address, LEASE_MODE_VFIO) == 0, address);
}

static LeaseDevice *find(const FakeDaemon *daemon, const char *address)
{
        const Lease *lease = fakedaemon_lease(daemon, address);
        Bdf bdf = {.domain = 0};

        must_be(lease && bdf_parse(address, &bdf), "it is leased");
        LeaseDevice *device = lease_record_find(lease->record, bdf);
        must_be(device, "it is on record");
        return device;
}

typedef struct TakeAnswer {
        int code;
        size_t n_fds;
} TakeAnswer;

static void on_taken(const LeaseAnswer *answer, const VfioFds *fds, void *userdata)
{
        TakeAnswer *taken = userdata;

        *taken = (TakeAnswer){.code = answer->code, .n_fds = fds->n_items};
        (void)fprintf(stderr, "taken %d: %s\n", answer->code, answer->message);
}

static void begin_take(FakeDaemon *daemon, const char *address, TakeAnswer *answer)
{
        static const PolicyRequest root = {.uid = 0};
        Bdf bdf;

        *answer = (TakeAnswer){.code = _REFUSAL_N};
        must_be(bdf_parse(address, &bdf), address);
        member_take((Lease *)fakedaemon_lease(daemon, address), bdf, &root, on_taken,
                            answer);
}

static TakeAnswer take(FakeDaemon *daemon, const char *address)
{
        TakeAnswer answer;

        begin_take(daemon, address, &answer);
        fakedaemon_see(daemon);
        must_be(answer.code != _REFUSAL_N, "an answer to taking a device");
        return answer;
}

/* --- lives ------------------------------------------------------------------------------------ */

static void acquire_and_unbind(FakeDaemon *daemon)
{
        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
                acquire(daemon, members[i]);
                unbind(members[i]);
        }
}

/* The lease's override keeps the host driver out, and the previous state is still recorded. */
static void check_owed(const FakeDaemon *daemon, const char *address)
{
        const LeaseDevice *device = find(daemon, address);
        char override[FAKEHOST_NAME_SIZE];

        must_be(device->owed, "it is owed its driver");
        must_be(!driver_of(address)[0], "nobody drives it");
        must_be(strcmp(fakehost_override(fakehost_find(address), override), device->driver) == 0,
                "nobody else's driver may");
}

static void live_left(FakeDaemon *daemon)
{
        acquire_and_unbind(daemon);
        fakedaemon_see(daemon);
        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                check_owed(daemon, members[i]);
}

static void live_unbound(FakeDaemon *daemon)
{
        live_left(daemon);
        fakedaemon_release_all(daemon);
}

/* And released before the daemon reads the host again. */
static void live_unseen(FakeDaemon *daemon)
{
        acquire_and_unbind(daemon);
        fakedaemon_release_all(daemon);
}

static void live_taken_back(FakeDaemon *daemon)
{
        live_left(daemon);
        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
                must_be(take(daemon, members[i]).code == 0, "it is taken back");
                must_be(strcmp(driver_of(members[i]), LEASE_DRIVER) == 0, "it has our driver");
                const LeaseDevice *device = find(daemon, members[i]);
                must_be(device->role == LEASE_ROLE_TAKEN && !device->owed, "it is taken");
        }
        fakedaemon_release_all(daemon);
}

/* Root binds the host's driver; where the kernel permits that, the daemon unbinds it again. */
static void live_bound_by_hand(FakeDaemon *daemon)
{
        char path[FAKEHOST_PATH_SIZE];

        acquire(daemon, LONE);
        unbind(LONE);
        (void)fakehost_write(fakehost_path(path, "bus/pci/devices/" LONE "/driver_override"), "\n");
        must_be(fakehost_write(fakehost_path(path, "bus/pci/drivers/ahci/bind"), LONE) == 0,
                "the host's driver comes");
        fakedaemon_see(daemon);
        check_owed(daemon, LONE);
        must_be(fakedaemon_lease(daemon, LONE)->record->condition.breach, "a breach");
        fakedaemon_release_all(daemon);
}

static void live_replaced(FakeDaemon *daemon)
{
        fakedaemon_see(daemon);
        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                check_owed(daemon, members[i]);
        fakehost_unplug(RESERVED);
        fakehost_plug(RESERVED);
        fakedaemon_see(daemon);
        must_be(!find(daemon, RESERVED)->owed, "another one is owed nothing");
        fakedaemon_release_all(daemon);
}

static void await_joiner(FakeDaemon *daemon)
{
        acquire(daemon, CARD);
        fakehost_plug(JOINER);
        fakedaemon_see(daemon);
        must_be(find(daemon, JOINER)->role == LEASE_ROLE_JOINER, "it has joined");
}

/* A successful answer is true; a device that was not taken does not have our driver. */
static void check_take(FakeDaemon *daemon, TakeAnswer answer)
{
        const LeaseDevice *device = find(daemon, JOINER);
        bool is_bound = strcmp(driver_of(JOINER), LEASE_DRIVER) == 0;

        must_be((answer.code == 0) == (device->role == LEASE_ROLE_TAKEN), "taken, as answered");
        must_be((answer.code == 0) == (answer.n_fds == 1), "descriptors for success alone");
        must_be((answer.code == 0) == is_bound && !device->taking, "bound if it is taken");
        must_be(answer.code == 0 || descriptors_of(fakedaemon_lease(daemon, CARD))->n_items == 2,
                "no descriptor of what was not taken");
        must_be(descriptors_of(fakedaemon_lease(daemon, CARD))->n_items ==
                        fakedaemon_lease(daemon, CARD)->record->n_fd_names,
                "as many descriptors as names");
        fakedaemon_check(daemon, "a joiner asked for");
}

static unsigned fault_at, n_points;

/* One fault at one point of a take. */
static void live_disturbed(FakeDaemon *daemon)
{
        await_joiner(daemon);
        faults_start(&(Fault){.kind = FAULT_ERROR, .error = EBUSY, .at = fault_at});
        TakeAnswer answer = take(daemon, JOINER);
        check_take(daemon, answer);
        fakedaemon_release_all(daemon);
}

static void live_not_stored(FakeDaemon *daemon)
{
        await_joiner(daemon);
        store_fails = true;
        TakeAnswer answer = take(daemon, JOINER);
        must_be(answer.code != 0, "what could not be stored is not taken");
        check_take(daemon, answer);
        store_fails = false;
        check_take(daemon, take(daemon, JOINER));
        fakedaemon_release_all(daemon);
}

/* As after too many faults, while the worker is running. */
static void live_quarantined(FakeDaemon *daemon)
{
        TakeAnswer answer;

        await_joiner(daemon);
        Lease *lease = (Lease *)fakedaemon_lease(daemon, CARD);
        begin_take(daemon, JOINER, &answer);
        must_be(work_upkeep(lease), "a worker is at it");
        lease->record->terms.on_fault_storm = POLICY_BREACH_QUARANTINE;
        module_report(lease->ledger, EVENT_FAULT_STORM, lease, "too many faults");
        fakedaemon_see(daemon);
        must_be(lease->record->state == LEASE_QUARANTINED, "it stays in quarantine");
        must_be(answer.code > 0 && answer.n_fds == 0, "nothing is handed out");
        fakedaemon_release_all(daemon);
}

static void on_refused(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        int *code = userdata;

        *code = answer->code;
}

/* udev's rule holds it; then the acquire fails. */
static void live_joined_in_vain(FakeDaemon *daemon)
{
        const AcquireRequest request = {
                .selectors = (const char *const[]){CARD, NULL},
                .options.mode = LEASE_MODE_VFIO,
                .options.lifetime = LEASE_LIFETIME_PERSISTENT,
                .options.with_members = true,
                .who.unit = "",
        };
        char path[FAKEHOST_PATH_SIZE];
        int code = _REFUSAL_N;

        request_acquire(daemon->ledger, &request, on_refused, &code);
        fakehost_plug(JOINER);
        (void)fakehost_write(fakehost_path(path, "bus/pci/drivers/igb/unbind"), JOINER);
        (void)fakehost_path(path, "bus/pci/devices/" JOINER "/driver_override");
        must_be(fakehost_write(path, BLOCK_OVERRIDE) == 0, "a joiner is held");
        fakedaemon_see(daemon);
        must_be(code == REFUSAL_CRITICAL, "it is refused, and why");
        must_be(daemon->ledger->n_leases == 0, "and by itself all is as before");
}

/* --- their frame ------------------------------------------------------------------------------ */

typedef void (*Life)(FakeDaemon *daemon);

static bool run(Life life, bool is_last)
{
        (void)fflush(stdout);
        pid_t child = fork();
        if (child < 0)
                abort();
        if (child > 0) {
                int status = fakeservice_run(&service, child);
                bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;

                if (!ok)
                        fakedaemon_print_log();
                return ok;
        }
        FakeDaemon daemon;

        faults_set_daemon();
        fakedaemon_log();
        fakedaemon_start(&daemon, &host, &service);
        life(&daemon);
        fakedaemon_end(&daemon);
        if (is_last)
                fakedaemon_check_end();
        _exit(0);
}

static bool try(Life first, Life life)
{
        char path[FAKEHOST_PATH_SIZE];

        fakehost_make(machine, ARRAY_SIZE(machine), &host);
        fakeservice_start(&service, fakehost_path(path, "notify"));
        faults_start(&(Fault){.kind = FAULT_NONE});
        bool ok = (!first || run(first, false)) && run(life, true);
        n_points = faults_passed();
        fakeservice_stop(&service);
        fakehost_remove();
        return ok;
}

static void test_unbound(void)
{
        CHECK(try(NULL, live_unbound));
        CHECK(try(NULL, live_unseen));
}

static void test_taken_back(void)
{
        CHECK(try(NULL, live_taken_back));
}

static void test_bound_by_hand(void)
{
        CHECK(try(NULL, live_bound_by_hand));
}

static void test_restarted(void)
{
        CHECK(try(live_left, fakedaemon_release_all));
        CHECK(try(acquire_and_unbind, fakedaemon_release_all));
        CHECK(try(live_left, live_replaced));
        CHECK(try(acquire_and_unbind, live_replaced));
}

static void test_disturbed(void)
{
        for (fault_at = 1, n_points = 1; fault_at <= n_points; fault_at++)
                if (!CHECK(try(NULL, live_disturbed)))
                        printf("# at %u\n", fault_at);
        printf("# %u points of taking and giving back\n", n_points);
        CHECK(n_points > 10);
}

static void test_not_stored(void)
{
        CHECK(try(NULL, live_not_stored));
}

static void test_quarantined(void)
{
        CHECK(try(NULL, live_quarantined));
}

static void test_joined_in_vain(void)
{
        CHECK(try(NULL, live_joined_in_vain));
}

int main(void)
{
        static const TapTest tests[] = {
                {"only our driver leaves", test_unbound},
                {"and the owner takes it back", test_taken_back},
                {"and the host's driver comes", test_bound_by_hand},
                {"and the daemon is restarted", test_restarted},
                {"a joiner's taking fails at each write", test_disturbed},
                {"a joiner's descriptors cannot be stored", test_not_stored},
                {"a lease comes into quarantine meanwhile", test_quarantined},
                {"somebody joins a lease that fails", test_joined_in_vain},
        };

        return tap_run(tests);
}
