/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Root changes a device that is leased by path in sysfs: it sets another override, as driverctl
 * does, or it unbinds a driver. The daemon restores the lease's override and tells the owner how to
 * take the device back.
 */

#include <stdio.h>
#include <string.h>

#include "daemon/guard_process/evidence.h"
#include "daemon/host/critical.h"
#include "daemon/lease/nodes.h"
#include "daemon/requests/requests.h"
#include "tests/daemon/lifeframe.h"
#include "tests/unit/tap.h"

int __wrap_critical_check(const HostPaths *paths, Bdf bdf, char **ret_message);

/* The host does not use the device. The fake host has no /proc to check that. */
int __wrap_critical_check(const HostPaths *paths, Bdf bdf, char **ret_message)
{
        return 0;
}

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

/* What driverctl does: set the override, unbind our driver, bind the host's. */
static void set_override(const char *driver, bool unbinds)
{
        char path[FAKEHOST_PATH_SIZE];

        (void)fakehost_path(path, "bus/pci/devices/" CARD "/driver_override");
        must_be(fakehost_write(path, driver) == 0, "the override");
        if (unbinds)
                unbind(CARD);
        must_be(fakehost_write(fakehost_path(path, "bus/pci/drivers_probe"), CARD) == 0,
                "the host's driver comes");
        must_be(strcmp(driver_of(CARD), driver) == 0, "it is the one that was named");
}

/* No driver is bound, and the override permits only the lease's driver. */
static void check_held(const FakeDaemon *daemon)
{
        const Lease *lease = fakedaemon_lease(daemon, CARD);
        char override[FAKEHOST_NAME_SIZE];
        Bdf bdf = {.domain = 0};

        must_be(lease && bdf_parse(CARD, &bdf), "it is leased");
        const LeaseDevice *device = lease_record_find(lease->record, bdf);
        must_be(device && device->owed, "it is owed its driver");
        must_be(!driver_of(CARD)[0], "nobody drives it");
        (void)fakehost_override(fakehost_find(CARD), override);
        must_be(strcmp(override, device->driver) == 0, "the lease's override is back");
}

static void on_taken(const LeaseAnswer *answer, const VfioFds *fds, void *userdata)
{
        *(int *)userdata = answer->code;
}

static void take_back(FakeDaemon *daemon)
{
        static const PolicyRequest root = {.uid = 0};
        const Lease *lease = fakedaemon_lease(daemon, CARD);
        int code = _REFUSAL_N;
        Bdf bdf = {.domain = 0};

        must_be(lease && bdf_parse(CARD, &bdf), "it is leased");
        member_take((Lease *)lease, bdf, &root, on_taken, &code);
        fakedaemon_see(daemon);
        must_be(code == 0, "its owner has it again");
        must_be(strcmp(driver_of(CARD), LEASE_DRIVER) == 0, "it has our driver");
        must_be(nodes_are_granted(&daemon->ledger->host, lease->record), "its nodes too");
}

static void live_overridden(FakeDaemon *daemon)
{
        must_be(fakedaemon_acquire(daemon, CARD, LEASE_MODE_PATH) == 0, CARD);
        set_override(fakehost_find(CARD)->driver, true);
        fakedaemon_see(daemon);
        check_held(daemon);
        /* Once more, while the override holds the device. */
        set_override(fakehost_find(CARD)->driver, false);
        fakedaemon_see(daemon);
        check_held(daemon);
        take_back(daemon);
        fakedaemon_release_all(daemon);
}

static void check_words(const FakeDaemon *daemon)
{
        const Ledger *ledger = daemon->ledger;
        const Lease *lease = fakedaemon_lease(daemon, CARD);
        bool seen = false;

        for (size_t i = 0; i < ledger->world->groups->n_groups; i++) {
                _cleanup_(freep) char *text = NULL;

                if (ledger_lease_of_group(ledger, i) != lease)
                        continue;
                text = guard_evidence(ledger, i);
                must_be(text && strstr(text, "its owner takes it back with isoctl take 1 " CARD),
                        "what its owner must do");
                must_be(strstr(text, "root can unbind a device"), "the way that cannot be shut");
                seen = true;
        }
        must_be(seen, "its group is guarded");
}

/* The daemon does not report a device as taken back if the owner did not take it back. */
static void live_unbound(FakeDaemon *daemon)
{
        must_be(fakedaemon_acquire(daemon, CARD, LEASE_MODE_PATH) == 0, CARD);
        unbind(CARD);
        fakedaemon_see(daemon);
        check_held(daemon);
        check_words(daemon);
        must_be(!fakedaemon_logged("may open its nodes again"), "nobody took a node away");
        take_back(daemon);
        fakedaemon_release_all(daemon);
}

static void test_overridden(void)
{
        CHECK(try_lives(NULL, false, live_overridden));
}

static void test_unbound(void)
{
        CHECK(try_lives(NULL, false, live_unbound));
}

int main(void)
{
        static const TapTest tests[] = {
                {"another override is set, as by driverctl", test_overridden},
                {"the lease's driver is unbound", test_unbound},
        };

        return tap_run(tests);
}
