/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The transactions alone on a host made of files: taking and restoring, guarding and undoing it,
 * each with a fault at each of its writes. A transaction reports its failure, or it was done. A
 * second try does the rest. A death in the middle is undone from the record.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/model/pcicap.h"
#include "core/probe/sysfs.h"
#include "daemon/guard/console.h"
#include "daemon/guard/enforce.h"
#include "daemon/guard/seal.h"
#include "daemon/lease/steps.h"
#include "tests/daemon/fakehost.h"
#include "tests/daemon/faults.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

static const FakeDevice machine[] = {
        {"0000:00:02.0", NULL, PCIE_TYPE_ROOT_PORT, 1, "pcieport", NULL, 1, true, true},
        {"0000:00:02.1", NULL, PCIE_TYPE_ROOT_PORT, 1, "pcieport", NULL, 2, true, true},
        {"0000:01:00.0", "0000:00:02.0", PCIE_TYPE_ENDPOINT, 1, "ixgbe", .has_vfs = true,
         .multifunction = true, .resets = "pm flr bus"},
        {"0000:01:00.1", "0000:00:02.0", PCIE_TYPE_ENDPOINT, 1, NULL, "isolationd-block",
         .multifunction = true},
        {"0000:02:00.0", "0000:00:02.1", PCIE_TYPE_ENDPOINT, 1, "igb", .is_away = true},
};

/* The driver for the first card only; the second gets the driver that fits every card. */
#define VARIANT "ixgbe-vfio-pci"

static HostPaths host;

/* One of two pairs: a transaction and its inverse. */
typedef struct Transaction {
        const char *name;
        int (*make)(const LeaseRecord *record, char **ret_message);
        int (*undo)(const LeaseRecord *record, char **ret_message);
        bool (*is_made)(const LeaseRecord *record);
        bool undoes_itself; /* if it fails */
} Transaction;

static Bdf bdf_of(const char *address)
{
        Bdf bdf;

        if (!bdf_parse(address, &bdf))
                abort();
        return bdf;
}

static LeaseRecord *make_record(void)
{
        LeaseRecord *record = NULL;
        char service[FAKEHOST_NAME_SIZE];
        bool ok;

        ok = lease_record_new(&record) == 0;
        record->mode = LEASE_MODE_VFIO;
        ok = ok && lease_record_add_group(record, 1, "0000:00/02.0") == 0 &&
             lease_record_add_device(record, bdf_of("0000:01:00.0"), LEASE_ROLE_TAKEN, "ixgbe",
                                     "") == 0 &&
             lease_record_add_device(record, bdf_of("0000:01:00.1"), LEASE_ROLE_TAKEN, "",
                                     "isolationd-block") == 0 &&
             lease_record_add_change(record, LEASE_CHANGE_CONSOLE, FAKEHOST_CONSOLE) == 0 &&
             lease_record_add_change(record, LEASE_CHANGE_FRAMEBUFFER, FAKEHOST_FRAMEBUFFER) == 0 &&
             lease_record_add_change(record, LEASE_CHANGE_VFS, "0000:01:00.0") == 0;
        for (size_t i = 0; i < 2; i++)
                ok = ok && lease_record_add_change(record, LEASE_CHANGE_SEAL,
                                                   fakehost_service(fakehost_at(i), service)) == 0;
        if (!ok)
                abort();
        (void)snprintf(record->devices[0].driver, sizeof(record->devices[0].driver), VARIANT);
        (void)snprintf(record->groups[0].type, sizeof(record->groups[0].type), "identity");
        (void)snprintf(record->groups[0].type_before, sizeof(record->groups[0].type_before), "DMA");
        lease_clean_note(&host, record);
        return record;
}

/* --- taking and restoring --------------------------------------------------------------------- */

static VfioFds fds;

/* A client has used the devices. */
static int restore_all(const HostPaths *on, const LeaseRecord *record, char **ret_message)
{
        _cleanup_(lease_clean_clear) Cleaning cleaning = {.snapshot = NULL};
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;

        int r = sysfs_read_snapshot(on->sysfs, &snapshot);
        if (r != 0)
                abort();
        cleaning.snapshot = snapshot;
        r = lease_steps_restore(on, record, &cleaning, ret_message);
        cleaning.snapshot = NULL;
        return r;
}

static int take(const LeaseRecord *record, char **ret_message)
{
        return lease_steps_take(&host, record, &fds, ret_message);
}

static int restore(const LeaseRecord *record, char **ret_message)
{
        vfio_fds_close(&fds);
        return restore_all(&host, record, ret_message);
}

static bool is_taken(const LeaseRecord *record)
{
        char name[FAKEHOST_NAME_SIZE];

        for (size_t i = 2; i < 4; i++)
                if (strcmp(fakehost_driver(fakehost_at(i), name), record->devices[i - 2].driver))
                        return false;
        return fds.n_items > 0;
}

static const Transaction taking = {"taking", take, restore, is_taken, true};

/* --- guarding and undoing it ------------------------------------------------------------------ */

static int guard(const LeaseRecord *record, char **ret_message)
{
        return guard_enforce(&host, record, ret_message);
}

/* The part of a release that concerns joiners and seals. */
static int unguard(const LeaseRecord *record, char **ret_message)
{
        int r = restore_all(&host, record, ret_message);

        return r != 0 ? r : guard_undo(&host, record, 0, ret_message);
}

static bool is_open(const LeaseChange *change)
{
        if (console_is_change(change))
                return false;
        return change->kind == LEASE_CHANGE_VFS ? seal_finds_vfs(&host, bdf_of(change->place))
                                                : seal_is_open(&host, change);
}

static bool is_guarded(const LeaseRecord *record)
{
        const FakeDevice *joiner = fakehost_find("0000:02:00.0");
        char name[FAKEHOST_NAME_SIZE];

        for (size_t i = 0; i < record->n_changes; i++)
                if (is_open(&record->changes[i]))
                        return false;
        if (fakehost_has("bus/platform/devices/" FAKEHOST_FRAMEBUFFER "/driver"))
                return false;
        return !fakehost_driver(joiner, name)[0] && fakehost_override(joiner, name)[0];
}

static const Transaction guarding = {"guarding", guard, unguard, is_guarded, false};

/* ---------------------------------------------------------------------------------------------- */

static LeaseRecord *start(const Transaction *transaction)
{
        LeaseRecord *record;

        fakehost_make(machine, ARRAY_SIZE(machine), &host);
        tree_file("bus/pci/drivers/" VARIANT "/bind", "");
        record = make_record();
        if (transaction != &guarding)
                return record;
        /* A card that joins; its host driver binds just before the card is blocked. */
        fakehost_race(true);
        fakehost_plug("0000:02:00.0");
        if (lease_record_add_device(record, bdf_of("0000:02:00.0"), LEASE_ROLE_JOINER, "", "") < 0)
                abort();
        return record;
}

static bool looks_untouched(void)
{
        _cleanup_(freep) char *have = fakehost_picture(false), *want = fakehost_picture(true);

        if (strcmp(have, want) == 0)
                return true;
        printf("# the machine is\n%s# and not\n%s", have, want);
        return false;
}

typedef int (*Step)(const LeaseRecord *record, char **ret_message);

static int run(Step step, const LeaseRecord *record)
{
        _cleanup_(freep) char *message = NULL;

        return step(record, &message);
}

/* The same in a process that may die; returns whether it finished. */
static bool run_and_die(Step step, const LeaseRecord *record)
{
        int status;

        (void)fflush(stdout);
        pid_t child = fork();
        if (child == 0)
                _exit(run(step, record) == 0 ? 0 : 1);
        if (child < 0 || waitpid(child, &status, 0) != child)
                abort();
        return !WIFEXITED(status) || WEXITSTATUS(status) == 99;
}

/*
 * A fault in the transaction, and then one in its inverse. Returns false when no fault was reached.
 */
static bool try_fault(const Transaction *transaction, const Fault *fault, bool in_undo)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = start(transaction);
        const Fault none = {.kind = FAULT_NONE};
        bool dies = fault->kind == FAULT_DIES_BEFORE || fault->kind == FAULT_DIES_AFTER;
        bool struck;

        faults_start(in_undo ? &none : fault);
        if (!in_undo && dies) {
                struck = run_and_die(transaction->make, record);
        } else {
                int r = run(transaction->make, record);

                struck = faults_has_struck();
                CHECK(r != 0 || transaction->is_made(record));
                if (r != 0 && r != REFUSAL_QUARANTINED && transaction->undoes_itself)
                        CHECK(looks_untouched());
                if (r != 0 && !transaction->undoes_itself) {
                        CHECK_NUMBER(run(transaction->make, record), 0);
                        CHECK(transaction->is_made(record));
                }
        }
        if (in_undo) {
                faults_start(fault);
                if (dies)
                        struck = run_and_die(transaction->undo, record);
                else if (run(transaction->undo, record) == 0)
                        struck = faults_has_struck();
                else
                        struck = true;
        }
        faults_start(&none);
        CHECK_NUMBER(run(transaction->undo, record), 0);
        fakehost_race(false);
        CHECK(looks_untouched());
        fakehost_remove();
        return struck;
}

/* The same, and whether a check failed in the process. */
static bool try_point(const Transaction *transaction, const Fault *fault, bool in_undo,
                      unsigned *n_violations)
{
        bool failed_before = tap_failed;

        tap_failed = false;
        bool struck = try_fault(transaction, fault, in_undo);
        *n_violations += tap_failed;
        tap_failed |= failed_before;
        return struck;
}

static void sweep(const Transaction *transaction, const char *name, const Fault *fault)
{
        unsigned n_tried = 0, n_violations = 0;

        for (int in_undo = 0; in_undo < 2; in_undo++) {
                Fault now = *fault;

                for (now.at = 1; try_point(transaction, &now, in_undo, &n_violations);
                     now.at += faults_step())
                        n_tried++;
        }
        printf("# tell: fake host, %s and back, %s: %u points tried, %u violations\n",
               transaction->name, name, n_tried, n_violations);
        CHECK(n_tried > 8 / faults_step());
        CHECK_NUMBER(n_violations, 0);
}

static void sweep_all(const Transaction *transaction)
{
        static const struct {
                const char *name;
                Fault fault;
        } faults[] = {
                {"EBUSY", {.kind = FAULT_ERROR, .error = EBUSY}},
                {"EIO", {.kind = FAULT_ERROR, .error = EIO}},
                {"ENODEV", {.kind = FAULT_ERROR, .error = ENODEV}},
                {"ignored", {.kind = FAULT_IGNORED}},
                {"killed before", {.kind = FAULT_DIES_BEFORE}},
                {"killed after", {.kind = FAULT_DIES_AFTER}},
        };

        for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
                sweep(transaction, faults[i].name, &faults[i].fault);
}

static void test_taking(void)
{
        sweep_all(&taking);
}

static void test_guarding(void)
{
        sweep_all(&guarding);
}

/*
 * The model's own rules: a driver that owns a group keeps host drivers out; an override matches
 * exactly.
 */
static void test_model(void)
{
        const FakeDevice *device;
        char path[FAKEHOST_PATH_SIZE], name[FAKEHOST_NAME_SIZE];
        _cleanup_(lease_record_freep) LeaseRecord *record = start(&taking);

        faults_start(&(Fault){.kind = FAULT_NONE});
        device = fakehost_find("0000:01:00.0");
        CHECK_STRING(fakehost_driver(device, name), "ixgbe");
        CHECK_NUMBER(
                fakehost_write(fakehost_path(path, "bus/pci/drivers/igb/bind"), device->address),
                -ENODEV);
        CHECK_NUMBER(run(take, record), 0);
        CHECK(is_taken(record));

        fakehost_plug("0000:02:00.0"); /* refused while the group is owned */
        device = fakehost_find("0000:02:00.0");
        CHECK(fakehost_is_present(device));
        CHECK_STRING(fakehost_driver(device, name), "");
        CHECK_NUMBER(
                fakehost_write(fakehost_path(path, "bus/pci/drivers/igb/bind"), device->address),
                -EBUSY);
        vfio_fds_close(&fds);
        CHECK_NUMBER(
                fakehost_write(fakehost_path(path, "bus/pci/drivers/igb/bind"), device->address),
                0);
        CHECK_STRING(fakehost_driver(device, name), "igb");
        fakehost_unplug("0000:02:00.0");
        CHECK(!fakehost_is_present(device));

        CHECK_NUMBER(fakehost_write(fakehost_path(path, "bus/pci_express/drivers/pciehp/unbind"),
                                    fakehost_service(fakehost_at(1), name)),
                     0);
        fakehost_plug("0000:02:00.0"); /* not seen */
        CHECK(!fakehost_is_present(device));
        CHECK_NUMBER(
                fakehost_write(fakehost_path(path, "bus/pci_express/drivers/pciehp/bind"), name),
                0);
        CHECK_STRING(fakehost_driver(device, name), "igb");
        /*
         * With a host driver in the group its type cannot be restored; no other step comes before
         * that.
         */
        CHECK_NUMBER(run(restore, record), REFUSAL_KERNEL_REFUSED);
        CHECK_STRING(fakehost_driver(fakehost_at(2), name), "");
        CHECK_NUMBER(
                fakehost_write(fakehost_path(path, "bus/pci/drivers/igb/unbind"), device->address),
                0);
        CHECK_NUMBER(run(restore, record), 0);
        CHECK_NUMBER(fakehost_attach(device), 0);
        CHECK(looks_untouched());
        fakehost_remove();
}

/*
 * With drivers_autoprobe off a new device has no driver until a probe is asked for (kernel-facts
 * 3.2).
 */
static void test_gate(void)
{
        const FakeDevice *device;
        char path[FAKEHOST_PATH_SIZE], name[FAKEHOST_NAME_SIZE];

        fakehost_make(machine, ARRAY_SIZE(machine), &host);
        device = fakehost_find("0000:02:00.0");
        CHECK_NUMBER(fakehost_write(fakehost_path(path, "bus/pci/drivers_autoprobe"), "0"), 0);
        fakehost_plug(device->address);
        CHECK(fakehost_is_present(device));
        CHECK_STRING(fakehost_driver(device, name), "");
        CHECK_NUMBER(fakehost_write(fakehost_path(path, "bus/pci/drivers_probe"), device->address),
                     0);
        CHECK_STRING(fakehost_driver(device, name), "igb");
        CHECK_NUMBER(fakehost_write(fakehost_path(path, "bus/pci/drivers_autoprobe"), "1"), 0);
        CHECK(looks_untouched());
        fakehost_remove();
}

/* A card that is removed between a read of it and a write: the restore does not fail. */
static void test_going(void)
{
        _cleanup_(freep) char *message = NULL, *undo_message = NULL;
        _cleanup_(lease_record_freep) LeaseRecord *taken = start(&taking);

        faults_start(&(Fault){.kind = FAULT_NONE});
        CHECK_NUMBER(run(take, taken), 0);
        fakehost_unplug_at_write("0000:01:00.0");
        CHECK_NUMBER(restore(taken, &message), 0);
        CHECK(!message);
        CHECK(!fakehost_is_present(fakehost_find("0000:01:00.0")));
        CHECK(looks_untouched());
        fakehost_remove();

        _cleanup_(lease_record_freep) LeaseRecord *record = start(&taking);
        fakehost_unplug_at_write("0000:01:00.0");
        CHECK_NUMBER(take(record, &message), REFUSAL_CHANGED);
        CHECK_STRING(message, "0000:01:00.0 vanished while it was being taken");
        CHECK(looks_untouched());
        fakehost_remove();

        _cleanup_(lease_record_freep) LeaseRecord *guarded = start(&guarding);
        fakehost_unplug_at_write("0000:02:00.0");
        CHECK_NUMBER(guard(guarded, &undo_message), 0);
        CHECK_NUMBER(run(unguard, guarded), 0);
        fakehost_remove();
}

int main(void)
{
        static const TapTest tests[] = {
                {"the model", test_model},
                {"the model's gate", test_gate},
                {"taking and restoring", test_taking},
                {"guarding and undoing it", test_guarding},
                {"a card that goes meanwhile", test_going},
        };

        return tap_run(tests);
}
