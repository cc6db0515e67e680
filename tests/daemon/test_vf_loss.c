/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A lease of a virtual function, from one reading of a made tree to the next: the reports of its
 * loss and of its PF, and when the daemon recreates it. Files make no devices: the test sees that
 * the daemon tries, and how often.
 */

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/guard/seal_record.h"
#include "daemon/ledger/ledger.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/review/review.h"
#include "daemon/review/review_internal.h"
#include "daemon/work/work.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define PF "devices/pci0000:00/0000:00:05.0"
#define VF "devices/pci0000:00/0000:00:05.1"
#define GROUP 14
#define LOSS "sriov_numvfs of 0000:00:05.0 went from 1 to 0"

static const Bdf vf = {.devfn = 0x29};
static HostPaths host;
static char state[4096];

/* The reports to the observer. */
static struct {
        unsigned lost, pf_changed, returned;
        char cause[128];
} heard;

static void on_lost(const Lease *lease, Bdf bdf, const char *cause, void *userdata)
{
        heard.lost++;
        (void)snprintf(heard.cause, sizeof(heard.cause), "%s", cause);
}

static void on_pf_changed(const Lease *lease, Bdf pf, const char *cause, void *userdata)
{
        heard.pf_changed++;
        (void)snprintf(heard.cause, sizeof(heard.cause), "%s", cause);
}

static void on_returned(const Lease *lease, Bdf bdf, const char *difference, bool taken,
                        void *userdata)
{
        heard.returned++;
}

static void put(const char *path, unsigned device, const char *driver, int group)
{
        char file[256], target[256];

        tree_device(path, 0x8086, device, 0x020000);
        tree_config(path, 64, PCIE_TYPE_RC_ENDPOINT, 0); /* it is unknown which VFs it can have */
        (void)snprintf(file, sizeof(file), "%s/iommu_group", path);
        (void)snprintf(target, sizeof(target), "../../../kernel/iommu_groups/%d", group);
        tree_link(file, target);
        (void)snprintf(file, sizeof(file), "%s/driver", path);
        (void)snprintf(target, sizeof(target), "../../../bus/pci/drivers/%s", driver);
        tree_link(file, target);
}

static void put_vf(const char *driver)
{
        put(VF, 0x10ca, driver, GROUP);
        tree_link(VF "/physfn", "../0000:00:05.0");
        tree_link(PF "/virtfn0", "../0000:00:05.1");
}

static void drop(const char *path)
{
        char full[4300];

        (void)snprintf(full, sizeof(full), "%s/%s", host.sysfs, path);
        CHECK(unlink(full) == 0);
}

static void drop_vf(void)
{
        drop("bus/pci/devices/0000:00:05.1");
        drop(VF "/driver");
        drop(VF "/iommu_group");
        drop(VF "/physfn");
        drop(PF "/virtfn0");
}

/* Reads the tree again and reconciles the lease with it, as reconcile() does. */
static void look(Ledger *ledger, Lease *lease)
{
        _cleanup_(world_freep) World *before = TAKE_PTR(ledger->world);

        CHECK_NUMBER(world_read(&host, NULL, &ledger->world), 0);
        ledger->before = before;
        CHECK_NUMBER(lease_reconcile(lease), 0);
        lease_review_vfs(lease);
        ledger->before = NULL;
}

static void clean(Ledger *ledger)
{
        struct event_base *base = ledger->base;

        ledger_free(ledger);
        event_base_free(base);
        tree_remove();
}

static Ledger *make(PolicyVfLoss on_vf_loss, Lease **ret_lease)
{
        const LedgerObserver observer = {
                .lost = on_lost,
                .pf_changed = on_pf_changed,
                .returned = on_returned,
        };
        LeaseRecord *record = NULL;
        Ledger *ledger = NULL;

        host = (HostPaths){.sysfs = tree_make(), .dev = "/nonexistent", .proc = "/nonexistent"};
        (void)snprintf(state, sizeof(state), "%s/leases", host.sysfs);
        CHECK(mkdir(state, 0700) == 0);
        put(PF, 0x10c9, "igb", GROUP - 1);
        tree_file(PF "/sriov_numvfs", "0\n");
        tree_file(PF "/sriov_drivers_autoprobe", "1\n");
        put_vf("vfio-pci");
        memset(&heard, 0, sizeof(heard));

        CHECK_NUMBER(daemon_new(event_base_new(), &host, state, &ledger), 0);
        CHECK_NUMBER(world_read(&host, NULL, &ledger->world), 0);
        ledger_observe(ledger, &observer);
        CHECK_NUMBER(lease_record_new(&record), 0);
        record->id = 7;
        record->state = LEASE_LEASED;
        record->mode = LEASE_MODE_VFIO;
        record->terms.on_vf_loss = on_vf_loss;
        CHECK_NUMBER(lease_record_add_group(record, GROUP, "0000:00/05.0/vf0"), 0);
        CHECK_NUMBER(lease_record_add_device(record, vf, LEASE_ROLE_TAKEN, "igbvf", ""), 0);
        size_t index = snapshot_find(ledger->world->snapshot, vf);
        if (CHECK(index != SNAPSHOT_NONE))
                CHECK_NUMBER(seal_record_vf(&host, ledger->world->snapshot, record,
                                               &ledger->world->snapshot->devices[index]),
                             0);
        CHECK_NUMBER(record->n_vfs, 1);
        CHECK_NUMBER(record->n_changes, 0); /* alone in its group, the PF's switch stays */
        CHECK_NUMBER(ledger_add_lease(ledger, record, ret_lease), 0);
        look(ledger, *ret_lease);
        CHECK_NUMBER(heard.lost + heard.pf_changed, 0);
        return ledger;
}

/* Runs the loop until the lease's worker has ended. */
static void await_worker(Ledger *ledger, const Lease *lease)
{
        while (work_upkeep(lease))
                if (event_base_loop(ledger->base, EVLOOP_ONCE) != 0)
                        break;
        CHECK(!work_upkeep(lease));
}

static void check_numvfs(char wanted)
{
        _cleanup_(freep) char *text = NULL;
        char path[4300];

        (void)snprintf(path, sizeof(path), "%s/" PF "/sriov_numvfs", host.sysfs);
        if (CHECK_NUMBER(host_read_text(path, &text), 0))
                CHECK_NUMBER(text[0], wanted);
}

static void test_a_loss_is_told_when_two_readings_agree(void)
{
        Lease *lease = NULL;
        Ledger *ledger = make(POLICY_VF_LOSS_KEEP, &lease);
        const LeaseDevice *device = lease_record_find(lease->record, vf);

        drop_vf();
        look(ledger, lease);
        CHECK(device->lost);
        CHECK_NUMBER(heard.lost, 0);
        look(ledger, lease);
        CHECK_NUMBER(heard.lost, 1);
        CHECK_STRING(heard.cause, LOSS);
        look(ledger, lease);
        CHECK_NUMBER(heard.lost, 1);
        CHECK(!work_upkeep(lease)); /* the rule says: keep */
        check_numvfs('0');
        clean(ledger);
}

/* First its driver is gone, then the device: one loss, with the last cause. */
static void test_what_goes_piece_by_piece(void)
{
        Lease *lease = NULL;
        Ledger *ledger = make(POLICY_VF_LOSS_KEEP, &lease);

        drop(VF "/driver");
        look(ledger, lease); /* without its driver it may be about to go: not reported */
        CHECK_NUMBER(heard.lost, 0);
        drop("bus/pci/devices/0000:00:05.1");
        drop(VF "/iommu_group");
        drop(VF "/physfn");
        drop(PF "/virtfn0");
        look(ledger, lease);
        look(ledger, lease);
        CHECK_NUMBER(heard.lost, 1);
        CHECK_STRING(heard.cause, LOSS);
        clean(ledger);
}

static void test_its_pf(void)
{
        Lease *lease = NULL;
        Ledger *ledger = make(POLICY_VF_LOSS_KEEP, &lease);

        drop(PF "/driver");
        look(ledger, lease);
        CHECK_NUMBER(heard.pf_changed, 1);
        CHECK_STRING(heard.cause, "0000:00:05.0 was unbound from igb");
        look(ledger, lease);
        CHECK_NUMBER(heard.pf_changed, 1);
        tree_link(PF "/driver", "../../../bus/pci/drivers/igb");
        look(ledger, lease);
        CHECK_NUMBER(heard.pf_changed, 2);
        CHECK_STRING(heard.cause, "0000:00:05.0 was bound to igb");
        CHECK_NUMBER(heard.lost, 0);
        clean(ledger);
}

static void test_it_is_recreated_once(void)
{
        Lease *lease = NULL;
        Ledger *ledger = make(POLICY_VF_LOSS_RECREATE, &lease);
        LeaseDevice *device = lease_record_find(lease->record, vf);

        drop_vf();
        look(ledger, lease);
        CHECK(!work_upkeep(lease)); /* why it is gone is not known yet */
        look(ledger, lease);
        CHECK(work_upkeep(lease) && lease->record->vfs[0].returning);
        CHECK(lease_record_has_hold(lease->record, device));
        CHECK(lease->record->recreated_usec > 0);
        CHECK(lease_record_has_change(lease->record, LEASE_CHANGE_VFS, "0000:00:05.0"));
        await_worker(ledger, lease);
        /* The number was written, but no VF appeared: the daemon gives up. */
        check_numvfs('1');
        CHECK(device->loss.given_up && device->lost && !lease->record->vfs[0].returning);
        CHECK_NUMBER(lease->record->n_changes, 0);
        CHECK_NUMBER(heard.returned, 0);
        look(ledger, lease);
        CHECK(!work_upkeep(lease));
        clean(ledger);
}

/* While the VF is being removed, the kernel holds the lock that the worker would wait for. */
static void test_what_is_still_going_is_waited_for(void)
{
        Lease *lease = NULL;
        Ledger *ledger = make(POLICY_VF_LOSS_RECREATE, &lease);

        drop(VF "/physfn");
        drop(PF "/virtfn0");
        drop(VF "/driver");
        look(ledger, lease);
        CHECK_NUMBER(heard.lost, 1);
        CHECK_STRING(heard.cause, LOSS);
        look(ledger, lease);
        CHECK(!work_upkeep(lease));
        drop("bus/pci/devices/0000:00:05.1");
        look(ledger, lease);
        CHECK(work_upkeep(lease));
        await_worker(ledger, lease);
        check_numvfs('1');
        clean(ledger);
}

static void test_who_does_it_again_means_it(void)
{
        Lease *lease = NULL;
        Ledger *ledger = make(POLICY_VF_LOSS_RECREATE, &lease);
        LeaseDevice *device = lease_record_find(lease->record, vf);
        struct timespec now;

        CHECK(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
        lease->record->recreated_usec = (uint64_t)now.tv_sec * 1000000 + 1;
        drop_vf();
        look(ledger, lease);
        look(ledger, lease);
        CHECK_NUMBER(heard.lost, 1);
        CHECK(!work_upkeep(lease) && !device->loss.recreate);
        check_numvfs('0');

        /* A VF that root recreated: the lease takes it; it is not a joiner. */
        CHECK(!recreate_awaits(lease, vf));
        put_vf("igbvf");
        look(ledger, lease);
        CHECK(work_upkeep(lease) && recreate_awaits(lease, vf));
        CHECK_NUMBER(device->role, LEASE_ROLE_TAKEN);
        await_worker(ledger, lease);
        clean(ledger);
}

/*
 * The VF cannot be claimed, and our driver cannot be unbound from it: files do not react to writes.
 * The VF keeps our override, and is restored with the other devices.
 */
static void test_what_cannot_be_left_is_owed(void)
{
        Lease *lease = NULL;
        Ledger *ledger = make(POLICY_VF_LOSS_RECREATE, &lease);
        LeaseDevice *device = lease_record_find(lease->record, vf);
        struct timespec now;

        CHECK(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
        lease->record->recreated_usec = (uint64_t)now.tv_sec * 1000000 + 1;
        drop_vf();
        look(ledger, lease);
        look(ledger, lease);
        put_vf("vfio-pci");
        tree_file(VF "/driver_override", "(null)\n");
        look(ledger, lease);
        await_worker(ledger, lease);
        CHECK(device->loss.given_up && device->lost && device->owed);
        CHECK(!lease->record->vfs[0].returning);
        CHECK(lease_record_has_hold(lease->record, device));
        look(ledger, lease);
        CHECK(device->role == LEASE_ROLE_JOINER && !device->lost && device->owed);
        CHECK_STRING(device->before.driver, "igbvf");
        CHECK(lease_device_was_taken(device));
        clean(ledger);
}

int main(void)
{
        static const TapTest tests[] = {
                {"a loss is told when two readings agree",
                 test_a_loss_is_told_when_two_readings_agree},
                {"what goes piece by piece is one loss", test_what_goes_piece_by_piece},
                {"its PF", test_its_pf},
                {"it is recreated once", test_it_is_recreated_once},
                {"what is still going is waited for", test_what_is_still_going_is_waited_for},
                {"who does it again means it", test_who_does_it_again_means_it},
                {"what cannot be left is owed", test_what_cannot_be_left_is_owed},
        };

        return tap_run(tests);
}
