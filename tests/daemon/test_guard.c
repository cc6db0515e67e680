/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The guard's transactions on plain files, which keep every byte and change no link: like a kernel
 * that ignores writes. The tests in virtual machines cover a real kernel.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/guard/enforce.h"
#include "daemon/guard/rules.h"
#include "daemon/guard/seal.h"
#include "daemon/guard/slot.h"
#include "daemon/host/block.h"
#include "daemon/host/driver.h"
#include "tests/unit/tap.h"
#include "tests/unit/topology.h"
#include "tests/unit/tree.h"

#define JOINER "bus/pci/devices/0000:02:00.0"
#define PF "bus/pci/devices/0000:05:00.0"
#define SERVICE "0000:00:02.1:pcie204"
#define SLOT "bus/pci_express/drivers/pciehp/" SERVICE

static const Bdf joiner = {.bus = 2};
static const Bdf pf = {.bus = 5};
static const Bdf port = {.devfn = 0x11};
static HostPaths host;

static void make_host(void)
{
        host = (HostPaths){.sysfs = tree_make(), .dev = "/nonexistent", .proc = "/nonexistent"};
        tree_file(JOINER "/driver_override", "(null)\n");
        tree_file(PF "/sriov_drivers_autoprobe", "1\n");
        tree_file("bus/pci/drivers/e1000e/unbind", "");
        tree_file("bus/pci_express/devices/" SERVICE "/uevent", "");
        tree_file("bus/pci_express/drivers/pciehp/bind", "");
        tree_file("bus/pci_express/drivers/pciehp/unbind", "");
        tree_link(SLOT, "../../devices/" SERVICE);
}

static LeaseRecord *make(void)
{
        LeaseRecord *record = NULL;

        make_host();
        CHECK(lease_record_new(&record) == 0);
        CHECK(lease_record_add_device(record, joiner, LEASE_ROLE_JOINER, "", "") == 0);
        return record;
}

static void test_blocking(void)
{
        _cleanup_(freep) char *override = NULL, *message = NULL;
        char *evicted = NULL, *none = NULL;
        const Bdf nobody = {.bus = 9};

        make_host();
        CHECK_NUMBER(block_device(&host, joiner, NULL, &evicted, &none), 0);
        CHECK(!evicted);
        CHECK_NUMBER(driver_override_read(&host, joiner, &override), 0);
        CHECK_STRING(override, BLOCK_OVERRIDE);
        /* A newline clears it in the kernel; a file stores it as one byte of many. */
        CHECK_NUMBER(block_undo(&host, joiner, &message), REFUSAL_KERNEL_REFUSED);
        CHECK(message && strstr(message, "driver_override reads"));
        CHECK_NUMBER(block_device(&host, nobody, NULL, &evicted, &none), -ENOENT);
        CHECK_NUMBER(block_undo(&host, nobody, &none), -ENOENT);
        tree_remove();
}

/* Another program's override stays, when blocking and when undoing it. */
static void test_the_override_of_others(void)
{
        _cleanup_(freep) char *override = NULL;
        char *evicted = NULL, *message = NULL;

        make_host();
        tree_file(JOINER "/driver_override", "isolationd-block\n"); /* reserved */
        CHECK_NUMBER(block_device(&host, joiner, NULL, &evicted, &message), 0);
        CHECK_NUMBER(block_undo(&host, joiner, &message), 0);
        CHECK_NUMBER(driver_override_read(&host, joiner, &override), 0);
        CHECK_STRING(override, "isolationd-block");
        tree_remove();
}

/* A driver that stays bound is named, and so is the failure. */
static void test_a_driver_that_stays(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make();
        _cleanup_(freep) char *message = NULL;

        tree_link(JOINER "/driver", "../../../bus/pci/drivers/e1000e");
        CHECK_NUMBER(guard_enforce(&host, record, &message), REFUSAL_KERNEL_REFUSED);
        CHECK_STRING(message, "evicted 0000:02:00.0 e1000e\n"
                              "0000:02:00.0: still bound to e1000e after unbinding: "
                              "No such file or directory");
        tree_remove();
}

static void test_finding_slots(void)
{
        _cleanup_(freep) char *service = NULL;
        char *none = NULL;

        make_host();
        CHECK_NUMBER(seal_find_slot(&host, port, &service), 0);
        CHECK_STRING(service ? service : "", SERVICE);
        CHECK_NUMBER(seal_find_slot(&host, joiner, &none), 0);
        CHECK(!none);
        CHECK(seal_finds_vfs(&host, pf));
        CHECK(!seal_finds_vfs(&host, joiner));
        tree_remove();
}

static void make_slot(const char *name, const char *address)
{
        char path[256];

        (void)snprintf(path, sizeof(path), "bus/pci/slots/%s/address", name);
        tree_file(path, address);
        (void)snprintf(path, sizeof(path), "bus/pci/slots/%s/power", name);
        tree_file(path, "1\n");
}

/* Ports of one group: with pciehp, and without; of a switch, its upstream port first. */
static const Part ports[] = {
        {"00:02.0", NULL, PCIE_TYPE_ROOT_PORT, 0, .multifunction = true, .kernel_group = 2},
        {"00:02.1", NULL, PCIE_TYPE_ROOT_PORT, 0, .multifunction = true, .kernel_group = 2},
        {"07:00.0", "00:02.0", PCIE_TYPE_UPSTREAM, 0, .kernel_group = 2},
        {"08:00.0", "07:00.0", PCIE_TYPE_DOWNSTREAM, 0, .kernel_group = 2},
};

static GuardFacts survey(const Snapshot *snapshot, char **ret_open)
{
        _cleanup_(freep) size_t *found = NULL;
        GuardFacts facts = {.assigned = true};
        size_t n = 0;

        CHECK_NUMBER(guard_find_ports(snapshot, 1, &found, &n), 0);
        CHECK_NUMBER(n, ARRAY_SIZE(ports));
        CHECK_NUMBER(slot_survey(&host, snapshot, found, n, &facts, ret_open), 0);
        return facts;
}

/* A port that says it has no slot needs no seal; a port whose slot is unknown stays open. */
static void test_ports_that_are_no_slots(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(ports, ARRAY_SIZE(ports));
        _cleanup_(freep) char *open = NULL, *none = NULL;
        PciFacts *facts = &snapshot->devices[topology_find(snapshot, "08:00.0")].facts;
        GuardFacts found;
        char link[512];

        make_host();
        for (size_t i = 0; i < snapshot->n_devices; i++)
                snapshot->devices[i].facts.caps.hotplug_slot = TRISTATE_NO;
        facts->caps.hotplug_slot = TRISTATE_UNKNOWN;
        found = survey(snapshot, &open);
        CHECK_NUMBER(found.n_slots, 2);
        CHECK_NUMBER(found.n_unsealable, 1);
        CHECK_NUMBER(found.n_sealed, 0);
        CHECK_STRING(open, "pciehp serves 0000:00:02.1; a card may be added below 0000:08:00.0, "
                           "and the driver that would add it is unknown");

        facts->caps.hotplug_slot = TRISTATE_NO;
        (void)snprintf(link, sizeof(link), "%s/" SLOT, host.sysfs);
        CHECK_NUMBER(unlink(link), 0);
        found = survey(snapshot, &none);
        CHECK_NUMBER(found.n_slots, 1);
        CHECK_NUMBER(found.n_sealed, 1);
        CHECK_NUMBER(guard_holds(&found), GUARD_SEALED);
        CHECK_STRING(none, "");
        tree_remove();
}

static SlotServer server_of(const Snapshot *snapshot, const char *bdf)
{
        Slot slot = {.server = SLOT_SERVER_UNKNOWN};

        CHECK_NUMBER(slot_find(&host, &snapshot->devices[topology_find(snapshot, bdf)], &slot), 0);
        return slot.server;
}

/* As on a machine with ACPI hotplug: no service, a place in the firmware's tables, and a slot. */
static void test_acpi_slots(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(ports, ARRAY_SIZE(ports));
        _cleanup_(freep) char *open = NULL;
        GuardFacts found;

        make_host();
        for (size_t i = 0; i < snapshot->n_devices; i++)
                snapshot->devices[i].facts.caps.hotplug_slot = TRISTATE_NO;
        tree_file("bus/pci_express/devices/0000:00:02.0:pcie010/uevent", ""); /* another service */
        tree_file("bus/pci/devices/0000:00:02.0/firmware_node/device:02/adr", "0x00000000\n");
        tree_file("bus/pci/devices/0000:00:02.1/firmware_node/device:04/adr", "0x00000000\n");
        tree_file("bus/pci/devices/0000:08:00.0/firmware_node/power/control", "auto\n");
        CHECK_NUMBER(server_of(snapshot, "00:02.0"), SLOT_SERVER_NONE); /* no acpiphp */
        tree_file("module/acpiphp/parameters/disable", "N\n");
        CHECK_NUMBER(server_of(snapshot, "00:02.0"), SLOT_SERVER_ACPI);
        CHECK_NUMBER(server_of(snapshot, "00:02.1"), SLOT_SERVER_PCIEHP); /* native hot-plug wins */
        CHECK_NUMBER(server_of(snapshot, "08:00.0"), SLOT_SERVER_NONE);
        found = survey(snapshot, &open);
        CHECK_NUMBER(found.n_slots, 2);
        CHECK_NUMBER(found.n_unsealable, 1);
        CHECK(strstr(open, "0000:00:02.0 is served by ACPI hotplug, which cannot be sealed"));
        tree_file("module/acpiphp/parameters/disable", "Y\n");
        CHECK_NUMBER(server_of(snapshot, "00:02.0"), SLOT_SERVER_NONE);
        tree_remove();
}

static void test_slots_of_others(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(ports, ARRAY_SIZE(ports));
        PciDevice *bridge = &snapshot->devices[topology_find(snapshot, "08:00.0")];
        Slot slot;

        make_host();
        bridge->facts.caps.hotplug_slot = TRISTATE_NO;
        tree_file("bus/pci/devices/0000:08:00.0/secondary_bus_number", "9\n");
        tree_file("bus/pci/slots/3/address", "0000:09:00\n"); /* a name, but no driver serves it */
        CHECK_NUMBER(server_of(snapshot, "08:00.0"), SLOT_SERVER_NONE);
        make_slot("C2", "0000:0a:00\n"); /* another place */
        CHECK_NUMBER(server_of(snapshot, "08:00.0"), SLOT_SERVER_NONE);
        make_slot("C1", "0000:09:01\n");
        CHECK_NUMBER(slot_find(&host, bridge, &slot), 0);
        CHECK_NUMBER(slot.server, SLOT_SERVER_OTHER);
        CHECK_STRING(slot.name, "C1");
        (void)snprintf(bridge->sysfs.driver, sizeof(bridge->sysfs.driver), "shpchp");
        CHECK_NUMBER(server_of(snapshot, "08:00.0"), SLOT_SERVER_SHPCHP);
        tree_remove();
}

/* The file stores the text, but pciehp still serves the slot. */
static void test_a_slot_that_is_not_let_go(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make();
        _cleanup_(freep) char *message = NULL, *undone = NULL;

        CHECK(lease_record_add_change(record, LEASE_CHANGE_SEAL, SERVICE) == 0);
        CHECK_NUMBER(guard_enforce(&host, record, &message), REFUSAL_KERNEL_REFUSED);
        CHECK_STRING(message, SERVICE ": pciehp could not be unbound");
        CHECK(seal_is_open(&host, &record->changes[0]));
        CHECK_NUMBER(guard_undo(&host, record, 0, &undone), 0); /* it is as it was */
        tree_remove();
}

/* A port that is gone needs no seal, and its seal needs no undoing. */
static void test_a_slot_that_is_gone(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make();
        _cleanup_(freep) char *message = NULL, *undone = NULL;

        CHECK(lease_record_add_change(record, LEASE_CHANGE_SEAL, "0000:00:09.0:pcie204") == 0);
        CHECK_NUMBER(guard_enforce(&host, record, &message), 0);
        CHECK(!seal_is_open(&host, &record->changes[0]));
        CHECK_NUMBER(guard_undo(&host, record, 0, &undone), 0);
        tree_remove();
}

static void test_virtual_functions(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make();
        _cleanup_(freep) char *message = NULL, *undone = NULL;

        CHECK(lease_record_add_change(record, LEASE_CHANGE_VFS, "0000:05:00.0") == 0);
        CHECK_NUMBER(guard_enforce(&host, record, &message), 0);
        CHECK(!seal_finds_vfs(&host, pf));
        CHECK_NUMBER(guard_undo(&host, record, 1, &undone), 0); /* not this one */
        CHECK(!seal_finds_vfs(&host, pf));
        free(TAKE_PTR(undone));
        CHECK_NUMBER(guard_undo(&host, record, 0, &undone), 0);
        CHECK(seal_finds_vfs(&host, pf));
        tree_remove();
}

static bool is_seven(uint32_t id, void *userdata)
{
        return id == 7;
}

static void test_rules(void)
{
        static const Part parts[] = {
                {"00:02.0", NULL, PCIE_TYPE_ROOT_PORT, 0, .multifunction = true, .kernel_group = 2},
                {"00:02.1", NULL, PCIE_TYPE_ROOT_PORT, 0, .multifunction = true, .kernel_group = 2},
                {"07:00.0", "00:02.1", PCIE_TYPE_UPSTREAM, 0, .kernel_group = 2},
                {"00:06.0", NULL, PCIE_TYPE_ROOT_PORT, PART_ACS_ON, .kernel_group = 3},
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        _cleanup_(freep) char *text = NULL;
        char directory[512], path[600];
        const int32_t joined = 1, lone = 2;

        make_host();
        tree_link("bus/pci/devices/0000:00:02.0", "../../../devices/pci0000:00/0000:00:02.0");
        tree_link("bus/pci/devices/0000:00:02.1", "../../../devices/pci0000:00/0000:00:02.1");
        tree_link("bus/pci/devices/0000:07:00.0",
                  "../../../devices/pci0000:00/0000:00:02.1/0000:07:00.0");
        (void)snprintf(directory, sizeof(directory), "%s/rules.d", host.sysfs);

        CHECK_NUMBER(rules_write(directory, &host, snapshot, 7, &joined, 1, false), 0);
        (void)snprintf(path, sizeof(path), "%s/61-isolationd-lease-7.rules", directory);
        CHECK_NUMBER(host_read_text(path, &text), 0);
        CHECK(text && strstr(text, "DEVPATH==\"/devices/pci0000:00/0000:??:02.0/0000:??:??.?\""));
        CHECK(text && strstr(text, "DEVPATH==\"/devices/pci0000:00/0000:??:02.1/0000:??:00.0/"
                                   "0000:??:??.?\""));
        CHECK(text && strstr(text, "ATTR{driver_override}=\"" BLOCK_OVERRIDE "\""));
        CHECK(text &&
              strstr(text, "/rules.d/61-isolationd-lease-7.rules\", ATTR{class}")); /* TEST */

        CHECK(text && !strstr(text, "MODE="));
        CHECK_NUMBER(rules_write(directory, &host, snapshot, 8, &lone, 1, false),
                     0); /* no port: no file */
        (void)snprintf(path, sizeof(path), "%s/61-isolationd-lease-8.rules", directory);
        CHECK_NUMBER(access(path, F_OK), -1);
        CHECK_NUMBER(rules_write(directory, &host, snapshot, 8, &lone, 1, true), 0); /* but nodes */
        free(TAKE_PTR(text));
        CHECK_NUMBER(host_read_text(path, &text), 0);
        CHECK(text && strstr(text, "SUBSYSTEM==\"vfio\", KERNEL==\"2\", MODE=\"0660\"\n"));
        CHECK(text && strstr(text, "SUBSYSTEM==\"misc\", KERNEL==\"vfio|iommu\", MODE=\"0660\""));
        CHECK_NUMBER(rules_remove(directory, 8), 0);
        (void)snprintf(path, sizeof(path), "%s/61-isolationd-lease-7.rules", directory);
        tree_file("rules.d/61-isolationd-lease-9.rules", "");
        tree_file("rules.d/99-others.rules", "");
        CHECK_NUMBER(rules_sweep(directory, is_seven, NULL), 0);
        CHECK_NUMBER(access(path, F_OK), 0);
        (void)snprintf(path, sizeof(path), "%s/61-isolationd-lease-9.rules", directory);
        CHECK_NUMBER(access(path, F_OK), -1);
        (void)snprintf(path, sizeof(path), "%s/99-others.rules", directory);
        CHECK_NUMBER(access(path, F_OK), 0);

        CHECK_NUMBER(rules_remove(directory, 7), 0);
        CHECK_NUMBER(rules_remove(directory, 7), 0);
        tree_remove();
}

int main(void)
{
        static const TapTest tests[] = {
                {"blocking and its undoing", test_blocking},
                {"the override of others", test_the_override_of_others},
                {"a driver that stays", test_a_driver_that_stays},
                {"finding slots and switches", test_finding_slots},
                {"ports that are no slots", test_ports_that_are_no_slots},
                {"slots that ACPI serves", test_acpi_slots},
                {"slots that others serve", test_slots_of_others},
                {"a slot that is not let go", test_a_slot_that_is_not_let_go},
                {"a slot that is gone", test_a_slot_that_is_gone},
                {"virtual functions", test_virtual_functions},
                {"udev rules", test_rules},
        };

        return tap_run(tests);
}
