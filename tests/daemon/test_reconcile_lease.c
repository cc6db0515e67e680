/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A lease reconciled with one reading after another: lost devices, devices that come back and
 * whether they are the same, the lease's guard, and the reports to the observer.
 */

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/facts/guard_facts.h"
#include "daemon/lease/steps.h"
#include "daemon/ledger/ledger.h"
#include "daemon/lifecycle/life_internal.h"
#include "daemon/machine/revision.h"
#include "daemon/plan/demand.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/requests/requests.h"
#include "daemon/review/review.h"
#include "daemon/work/work.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define FIRST "devices/pci0000:00/0000:00:05.0"
#define SECOND "devices/pci0000:00/0000:00:05.1"
#define GROUP 14

static const Bdf second = {.devfn = 0x29};
static HostPaths host;
static char state[4096];

/* The reports to the observer. */
static struct {
        unsigned joined, lost, returned, weakened;
        char difference[128];
        GuardLayer layer;
} heard;

static void on_joined(const Lease *lease, Bdf bdf, bool in_address_space, void *userdata)
{
        heard.joined++;
}

static void on_lost(const Lease *lease, Bdf bdf, const char *cause, void *userdata)
{
        heard.lost++;
}

static void on_returned(const Lease *lease, Bdf bdf, const char *difference, bool taken,
                        void *userdata)
{
        CHECK(!taken);
        /* At first it is an ordinary joiner. */
        CHECK_NUMBER(heard.joined, heard.returned + 1);
        heard.returned++;
        (void)snprintf(heard.difference, sizeof(heard.difference), "%s", difference);
}

static void on_weakened(const Lease *lease, GuardLayer layer, void *userdata)
{
        heard.weakened++;
        heard.layer = layer;
}

static void plug(const char *path, unsigned device)
{
        char file[256];

        tree_device(path, 0x8086, device, 0x020000);
        tree_config(path, 256, PCIE_TYPE_RC_ENDPOINT, 0);
        (void)snprintf(file, sizeof(file), "%s/revision", path);
        tree_file(file, "0x03\n");
        (void)snprintf(file, sizeof(file), "%s/iommu_group", path);
        tree_link(file, "../../../kernel/iommu_groups/14");
}

static void bind_vfio(const char *path)
{
        char file[256];

        (void)snprintf(file, sizeof(file), "%s/driver", path);
        tree_link(file, "../../../bus/pci/drivers/vfio-pci");
}

static void drop(const char *path)
{
        char full[4300];

        (void)snprintf(full, sizeof(full), "%s/%s", host.sysfs, path);
        CHECK(unlink(full) == 0);
}

/* Removes the second function; the reader's cache of it is void with its link. */
static void pull(void)
{
        drop("bus/pci/devices/0000:00:05.1");
        drop(SECOND "/driver");
        drop(SECOND "/iommu_group");
}

static void look(Ledger *ledger, Lease *lease)
{
        world_free(ledger->world);
        ledger->world = NULL;
        CHECK_NUMBER(world_read(&host, NULL, &ledger->world), 0);
        CHECK_NUMBER(lease_reconcile(lease), 0);
}

/* A lease of a group of two functions, in its state after the acquire. */
static Ledger *make(Lease **ret_lease)
{
        const LedgerObserver observer = {
                .joined = on_joined,
                .lost = on_lost,
                .returned = on_returned,
                .weakened = on_weakened,
        };
        struct event_base *base = event_base_new();
        LeaseRecord *record = NULL;
        Ledger *ledger = NULL;

        host = (HostPaths){.sysfs = tree_make(), .dev = "/nonexistent", .proc = "/nonexistent"};
        (void)snprintf(state, sizeof(state), "%s/leases", host.sysfs);
        CHECK(mkdir(state, 0700) == 0);
        plug(FIRST, 0x10d3);
        plug(SECOND, 0x10d3);
        bind_vfio(FIRST);
        bind_vfio(SECOND);
        memset(&heard, 0, sizeof(heard));

        CHECK_NUMBER(daemon_new(base, &host, state, &ledger), 0);
        CHECK_NUMBER(world_read(&host, NULL, &ledger->world), 0);
        ledger_observe(ledger, &observer);
        CHECK_NUMBER(lease_record_new(&record), 0);
        record->id = 7;
        record->state = LEASE_LEASED;
        record->mode = LEASE_MODE_VFIO;
        CHECK_NUMBER(lease_record_add_group(record, GROUP, "0000:00/05.0"), 0);
        for (size_t i = 0; i < ledger->world->snapshot->n_devices; i++) {
                const PciDevice *device = &ledger->world->snapshot->devices[i];

                CHECK_NUMBER(lease_record_add_device(record, device->bdf, LEASE_ROLE_TAKEN,
                                                     "e1000e", ""),
                             0);
                record->devices[i].fingerprint = world_fingerprint(&host, device);
        }
        CHECK_NUMBER(ledger_add_lease(ledger, record, ret_lease), 0);
        life_raise(*ret_lease, LIFE_RESUME, NULL);
        look(ledger, *ret_lease);
        CHECK_NUMBER(heard.joined + heard.lost, 0);
        return ledger;
}

static void clean(Ledger *ledger)
{
        struct event_base *base = ledger->base;

        ledger_free(ledger);
        event_base_free(base);
        tree_remove();
}

static void test_fingerprints(void)
{
        Lease *lease = NULL;
        Ledger *ledger = make(&lease);
        const Fingerprint *fingerprint = &lease_record_find(lease->record, second)->fingerprint;

        CHECK(fingerprint->known && fingerprint->has_revision);
        CHECK_NUMBER(fingerprint->vendor, 0x8086);
        CHECK_NUMBER(fingerprint->device, 0x10d3);
        CHECK_NUMBER(fingerprint->revision, 3);
        clean(ledger);
}

static void test_the_same_card_comes_back(void)
{
        Lease *lease = NULL;
        Ledger *ledger = make(&lease);
        const LeaseDevice *device = lease_record_find(lease->record, second);

        pull();
        look(ledger, lease);
        CHECK_NUMBER(heard.lost, 1);
        CHECK(device->lost && device->role == LEASE_ROLE_TAKEN);
        plug(SECOND, 0x10d3);
        look(ledger, lease);
        CHECK_NUMBER(heard.joined, 1);
        CHECK_NUMBER(heard.returned, 1);
        CHECK_STRING(heard.difference, "");
        CHECK(!device->lost && device->returned && device->role == LEASE_ROLE_JOINER);
        CHECK_STRING(device->before.driver, "");
        look(ledger, lease); /* told once */
        CHECK_NUMBER(heard.returned, 1);
        clean(ledger);
}

/* Another card is an ordinary joiner; the lost card is still recognized when it comes back. */
static void test_another_card_comes(void)
{
        Lease *lease = NULL;
        Ledger *ledger = make(&lease);
        const LeaseDevice *device = lease_record_find(lease->record, second);

        pull();
        look(ledger, lease);
        plug(SECOND, 0x10d4);
        look(ledger, lease);
        CHECK_NUMBER(heard.returned, 1);
        CHECK_STRING(heard.difference, "device id 10d3 is 10d4 now");
        CHECK(!device->returned && device->role == LEASE_ROLE_JOINER);
        drop("bus/pci/devices/0000:00:05.1");
        drop(SECOND "/iommu_group");
        look(ledger, lease);
        CHECK_NUMBER(heard.lost, 2);
        plug(SECOND, 0x10d3);
        tree_file(SECOND "/revision", "0x04\n");
        look(ledger, lease);
        CHECK_STRING(heard.difference, "revision 03 is 04 now");
        drop("bus/pci/devices/0000:00:05.1");
        drop(SECOND "/iommu_group");
        look(ledger, lease);
        plug(SECOND, 0x10d3);
        look(ledger, lease);
        CHECK_NUMBER(heard.returned, 3);
        CHECK_STRING(heard.difference, "");
        CHECK(device->returned);
        clean(ledger);
}

/* A joiner that was never handed out is not reported as returned. */
static void test_a_joiner_comes_again(void)
{
        Lease *lease = NULL;
        Ledger *ledger = make(&lease);
        const char *third = "devices/pci0000:00/0000:00:05.2";

        for (unsigned i = 1; i <= 2; i++) {
                plug(third, 0x10d3);
                look(ledger, lease);
                CHECK_NUMBER(heard.joined, i);
                drop("bus/pci/devices/0000:00:05.2");
                drop("devices/pci0000:00/0000:00:05.2/iommu_group");
                look(ledger, lease);
                CHECK_NUMBER(heard.lost, i);
        }
        CHECK_NUMBER(heard.returned, 0);
        clean(ledger);
}

static void set_guard(Lease *lease, bool owned)
{
        const GuardFacts facts = {.assigned = true, .owned = owned, .n_ports = 1, .n_slots = 1};

        CHECK_NUMBER(guard_facts_set(lease, 0, &facts), 0);
}

/* Reported once when the guard becomes weaker than required, and again when that recurs. */
static void test_a_guard_becomes_weaker(void)
{
        Lease *lease = NULL;
        Ledger *ledger = make(&lease);

        lease->record->terms.guard = GUARD_SEALED;
        for (unsigned times = 1; times <= 2; times++) {
                set_guard(lease, true);
                lease_judge_guard(lease);
                CHECK(!lease_is_weak(lease) && !lease->record->condition.is_weaker);
                CHECK_NUMBER(heard.weakened, times - 1);
                set_guard(lease, false);
                lease_judge_guard(lease);
                lease_judge_guard(lease);
                CHECK(lease_is_weak(lease) && lease->record->condition.is_weaker);
                CHECK_NUMBER(heard.weakened, times);
                CHECK_NUMBER(heard.layer, GUARD_REACTIVE);
        }
        CHECK_NUMBER(lease->record->state, LEASE_LEASED);
        clean(ledger);
}

static void test_what_follows_a_weak_guard(void)
{
        Lease *lease = NULL;
        Ledger *ledger = make(&lease);

        set_guard(lease, false);
        lease_judge_guard(lease); /* nothing is required */
        CHECK_NUMBER(heard.weakened, 0);
        lease->record->terms.guard = GUARD_OWNED;
        lease->record->terms.on_weaker = POLICY_BREACH_QUARANTINE;
        lease_judge_guard(lease);
        CHECK_NUMBER(heard.weakened, 1);
        CHECK_NUMBER(lease->record->state, LEASE_QUARANTINED);
        CHECK_STRING(lease->record->condition.trouble, "its guard is weaker than required");
        CHECK(!lease_is_weak(lease)); /* an unowned lease needs no report */
        clean(ledger);
}

static void test_forecast(void)
{
        Lease *lease = NULL;
        Ledger *ledger = make(&lease);
        GuardLayer layer = GUARD_NONE;

        CHECK_NUMBER(plan_expect_guard(ledger, 0, LEASE_MODE_VFIO, &layer), 0);
        CHECK_NUMBER(layer, GUARD_OWNED);
        CHECK_NUMBER(plan_expect_guard(ledger, 0, LEASE_MODE_NONE, &layer), 0);
        CHECK_NUMBER(layer, GUARD_REACTIVE);
        clean(ledger);
}

/* A refusal comes before any change, and tells what to do. */
static struct {
        unsigned times;
        int code;
        char message[256];
} answered;

static void on_answer(const LeaseAnswer *answer, const VfioFds *fds, void *userdata)
{
        answered.times++;
        answered.code = answer->code;
        (void)snprintf(answered.message, sizeof(answered.message), "%s", answer->message);
        CHECK_NUMBER(fds->n_items, 0);
}

static void test_refusals(void)
{
        static const PolicyRequest stranger = {.uid = 1001}, root = {.uid = 0};
        Lease *lease = NULL;
        Ledger *ledger = make(&lease);
        const Bdf third = {.devfn = 0x2a}, nobody = {.bus = 9};

        memset(&answered, 0, sizeof(answered));
        member_take(lease, nobody, &root, on_answer, NULL);
        CHECK_NUMBER(answered.code, REFUSAL_NOT_FOUND);
        member_take(lease, second, &root, on_answer, NULL);
        CHECK_NUMBER(answered.code, REFUSAL_INVALID);
        CHECK_STRING(answered.message, "0000:00:05.1: its owner has it already; "
                                       "isoctl leases lists the devices that are held");
        member_expel(lease, second, on_answer, NULL);
        CHECK_NUMBER(answered.code, REFUSAL_INVALID);
        lease->record->state = LEASE_QUARANTINED; /* in which the guard's worker stays at rest */
        plug("devices/pci0000:00/0000:00:05.2", 0x10d3);
        member_expel(lease, third, on_answer, NULL);
        CHECK_NUMBER(answered.code, REFUSAL_BUSY);
        CHECK_NUMBER(answered.times, 4);
        pull();
        member_take(lease, second, &stranger, on_answer, NULL);
        CHECK_NUMBER(answered.code, REFUSAL_CHANGED);
        CHECK(!members_are_asked(lease) && !work_upkeep(lease));
        clean(ledger);
}

int main(void)
{
        static const TapTest tests[] = {
                {"what is put on record of a device", test_fingerprints},
                {"the same card comes back", test_the_same_card_comes_back},
                {"another card comes in its place", test_another_card_comes},
                {"a joiner that comes again", test_a_joiner_comes_again},
                {"a guard that becomes weaker", test_a_guard_becomes_weaker},
                {"what follows a weak guard", test_what_follows_a_weak_guard},
                {"what guard a lease would have", test_forecast},
                {"what is not taken and not expelled", test_refusals},
        };

        return tap_run(tests);
}
