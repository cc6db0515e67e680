/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Joiners that are taken and expelled, on plain files, which keep every byte and change no link:
 * like a kernel that ignores writes. The tests in virtual machines cover a real kernel.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "daemon/guard/enforce.h"
#include "daemon/guard/expel.h"
#include "daemon/host/block.h"
#include "daemon/host/driver.h"
#include "daemon/lease/joiner.h"
#include "daemon/lease/steps.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define JOINER "bus/pci/devices/0000:02:00.0"
#define BRIDGE "bus/pci/devices/0000:00:02.1"

static const Bdf joiner = {.bus = 2};
static const Bdf bridge = {.devfn = 0x11};
static const VfioFds no_fds = {.n_items = 0};
static HostPaths host;

static void make_host(void)
{
        host = (HostPaths){.sysfs = tree_make(), .dev = "/nonexistent", .proc = "/nonexistent"};
        tree_file(JOINER "/driver_override", BLOCK_OVERRIDE);
        tree_file(JOINER "/remove", "");
        tree_link(JOINER "/iommu_group", "../../../kernel/iommu_groups/7");
        tree_file(BRIDGE "/pci_bus/0000:02/rescan", "");
        tree_file("class/pci_bus/0000:00/rescan", "");
        tree_file("bus/pci/drivers_probe", "");
}

/* A joiner that is held and about to be taken; `others` is the override that it had before ours. */
static LeaseRecord *make(LeaseMode mode, const char *others)
{
        LeaseRecord *record = NULL;

        make_host();
        CHECK(lease_record_new(&record) == 0);
        record->mode = mode;
        CHECK(lease_record_add_device(record, joiner, LEASE_ROLE_JOINER, "", others) == 0);
        record->devices[0].taking = true;
        return record;
}

static void expect_text(const char *path, const char *want)
{
        _cleanup_(freep) char *text = NULL;
        char full[4096];

        (void)snprintf(full, sizeof(full), "%s/%s", host.sysfs, path);
        CHECK_NUMBER(host_read_text(full, &text), 0);
        CHECK_STRING(text ? text : "", want);
}

static void take(const LeaseRecord *record, int want, const char *want_message)
{
        _cleanup_(vfio_fds_close) VfioFds fds = {.n_items = 0};
        _cleanup_(freep) char *message = NULL;

        CHECK_NUMBER(joiner_take(&host, record, &record->devices[0], &no_fds, &fds, &message),
                     want);
        CHECK_STRING(message ? message : "", want_message);
        CHECK_NUMBER(fds.n_items, 0);
}

/* A joiner that cannot be taken is held again, or reserved, as before. */
static void test_a_driver_that_does_not_bind(void)
{
        static const char *const others[][2] = {{"", BLOCK_OVERRIDE},
                                                {"isolationd-block", "isolationd-block"}};

        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                _cleanup_(lease_record_freep) LeaseRecord *record =
                        make(LEASE_MODE_VFIO, others[i][0]);

                tree_file(JOINER "/driver_override", "(null)\n");
                take(record, REFUSAL_KERNEL_REFUSED,
                     "0000:02:00.0: vfio-pci did not bind: No such file or directory");
                expect_text(JOINER "/driver_override", others[i][1]);
                tree_remove();
        }
}

/* Bound but not claimed; and then the unbind of our driver fails too. */
static void test_a_claim_that_fails(void)
{
        static const LeaseMode modes[] = {LEASE_MODE_VFIO, LEASE_MODE_IOMMUFD};
        static const char *const messages[] = {
                "opening /nonexistent/vfio/7 failed: No such file or directory; holding it "
                "again failed too: 0000:02:00.0: still bound to vfio-pci after unbinding: "
                "No such file or directory",
                "0000:02:00.0: this kernel gives it no VFIO character device; use mode vfio; "
                "holding it again failed too: 0000:02:00.0: still bound to vfio-pci after "
                "unbinding: "
                "No such file or directory",
        };

        for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
                _cleanup_(lease_record_freep) LeaseRecord *record = make(modes[i], "");

                tree_file(JOINER "/driver_override", "(null)\n");
                tree_file("bus/pci/drivers/vfio-pci/bind", "");
                tree_link(JOINER "/driver", "../../../bus/pci/drivers/vfio-pci");
                take(record, REFUSAL_QUARANTINED, messages[i]);
                /* Our driver is unbound, and the override keeps every other driver out. */
                expect_text(JOINER "/driver_override", BLOCK_OVERRIDE);
                tree_remove();
        }
}

/* Half-way at any point: another program's change stays, and an absent device needs nothing. */
static void test_undoing_half_a_take(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make(LEASE_MODE_VFIO, "");
        _cleanup_(freep) char *message = NULL;
        LeaseDevice gone = {.bdf = {.bus = 9}, .before = {.override = NULL}};

        CHECK_NUMBER(joiner_untake(&host, &record->devices[0], &message), 0);
        expect_text(JOINER "/driver_override", BLOCK_OVERRIDE);
        tree_file(JOINER "/driver_override", "my-driver");
        CHECK_NUMBER(joiner_untake(&host, &record->devices[0], &message), 0);
        expect_text(JOINER "/driver_override", "my-driver");
        tree_file(JOINER "/driver_override", LEASE_DRIVER);
        for (int i = 0; i < 2; i++) {
                CHECK_NUMBER(joiner_untake(&host, &record->devices[0], &message), 0);
                expect_text(JOINER "/driver_override", BLOCK_OVERRIDE);
        }
        CHECK_NUMBER(joiner_untake(&host, &gone, &message), 0);
        CHECK(!message);
        tree_remove();
}

static int restore_all(const HostPaths *on, const LeaseRecord *record, char **ret_message)
{
        _cleanup_(lease_clean_clear) Cleaning cleaning = {.snapshot = NULL};

        return lease_steps_restore(on, record, &cleaning, ret_message);
}

/* The guard undoes the half-done change of a daemon that died; so does the release of the lease. */
static void test_who_undoes_half_a_take(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make(LEASE_MODE_VFIO, "");
        _cleanup_(freep) char *message = NULL, *restored = NULL;

        tree_file(JOINER "/driver_override", LEASE_DRIVER);
        CHECK_NUMBER(guard_enforce(&host, record, &message), 0);
        expect_text(JOINER "/driver_override", BLOCK_OVERRIDE);
        tree_file(JOINER "/driver_override", LEASE_DRIVER);
        /* A newline clears it in the kernel; a file stores it as one byte of many. */
        CHECK_NUMBER(restore_all(&host, record, &restored), REFUSAL_KERNEL_REFUSED);
        CHECK(restored && strstr(restored, "driver_override reads \"\nsolationd-held\""));
        tree_remove();
}

/* A joiner that was taken had no driver before: the kernel is asked to bind the host driver. */
static void test_giving_a_taken_joiner_back(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make(LEASE_MODE_VFIO, "");
        _cleanup_(freep) char *message = NULL;

        record->devices[0].taking = false;
        record->devices[0].role = LEASE_ROLE_TAKEN;
        tree_file(JOINER "/driver_override", "(null)\n");
        tree_config(JOINER, 256, PCIE_TYPE_ENDPOINT, 0);
        tree_file("kernel/iommu_groups/1/type", "DMA\n");
        CHECK_NUMBER(restore_all(&host, record, &message), 0);
        expect_text("bus/pci/drivers_probe", "");
        record->devices[0].joined = true;
        CHECK_NUMBER(restore_all(&host, record, &message), 0);
        expect_text("bus/pci/drivers_probe", "0000:02:00.0");
        tree_remove();
}

static void test_places(void)
{
        const PciDevice below = {
                .bdf = joiner, .place.has_parent = true, .place.parent_bdf = bridge};
        const PciDevice at_root = {.bdf = {.domain = 0x10000, .bus = 0xe1, .devfn = 8}};
        char place[EXPEL_PLACE_SIZE];

        CHECK_STRING(expel_place(&below, place), "0000:00:02.1");
        CHECK_STRING(expel_place(&at_root, place), "10000:e1");
}

static void test_expelling(void)
{
        _cleanup_(freep) char *message = NULL;
        char *none = NULL;
        const Bdf nobody = {.bus = 9};

        make_host();
        CHECK_NUMBER(expel_device(&host, joiner, &message), REFUSAL_KERNEL_REFUSED);
        CHECK_STRING(message, "0000:02:00.0: still there after it was removed");
        expect_text(JOINER "/remove", "1");
        CHECK_NUMBER(expel_device(&host, nobody, &none), 0);
        CHECK(!none);
        tree_remove();
}

static void test_bringing_back(void)
{
        _cleanup_(freep) char *message = NULL;
        char *none = NULL;

        make_host();
        CHECK_NUMBER(expel_undo(&host, "0000:00:02.1", &none), 0);
        expect_text(BRIDGE "/pci_bus/0000:02/rescan", "1");
        CHECK_NUMBER(expel_undo(&host, "0000:00", &none), 0);
        expect_text("class/pci_bus/0000:00/rescan", "1");
        CHECK_NUMBER(expel_undo(&host, "0000:00:1f.0", &none), 0); /* the bridge is gone */
        CHECK_NUMBER(expel_undo(&host, "0000:80", &none), 0);
        CHECK(!none);
        tree_file("class/pci_bus/0000:40/rescan/of-another-kind", "");
        CHECK_NUMBER(expel_undo(&host, "0000:40", &message), REFUSAL_KERNEL_REFUSED);
        CHECK_STRING(message, "the bus at 0000:40 cannot be rescanned: Is a directory");
        tree_remove();
}

/* Enforcing the guard leaves the expelled alone; the lease's end brings them back. */
static void test_expelled_in_a_record(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make(LEASE_MODE_VFIO, "");
        _cleanup_(freep) char *message = NULL, *undone = NULL;

        CHECK(lease_record_put_change_first(record, LEASE_CHANGE_EXPEL, "0000:00:02.1") == 0);
        CHECK_NUMBER(guard_enforce(&host, record, &message), 0);
        expect_text(BRIDGE "/pci_bus/0000:02/rescan", "");
        expect_text(JOINER "/remove", "");
        CHECK_NUMBER(guard_undo(&host, record, 1, &undone), 0);
        expect_text(BRIDGE "/pci_bus/0000:02/rescan", "");
        free(TAKE_PTR(undone));
        CHECK_NUMBER(guard_undo(&host, record, 0, &undone), 0);
        expect_text(BRIDGE "/pci_bus/0000:02/rescan", "1");
        tree_remove();
}

static void test_groups_of_devices(void)
{
        int32_t number = -1;

        make_host();
        CHECK_NUMBER(vfio_read_group(&host, joiner, &number), 0);
        CHECK_NUMBER(number, 7);
        CHECK_NUMBER(vfio_read_group(&host, bridge, &number), -ENOENT);
        tree_link(BRIDGE "/iommu_group", "../../../kernel/iommu_groups/7x");
        CHECK_NUMBER(vfio_read_group(&host, bridge, &number), -EBADMSG);
        CHECK_NUMBER(number, 7);
        CHECK_NUMBER(vfio_fds_find(&no_fds, "container"), -1);
        tree_remove();
}

int main(void)
{
        static const TapTest tests[] = {
                {"a driver that does not bind", test_a_driver_that_does_not_bind},
                {"a claim that fails", test_a_claim_that_fails},
                {"undoing half a take", test_undoing_half_a_take},
                {"who undoes half a take", test_who_undoes_half_a_take},
                {"a taken joiner is probed when it is given back", test_giving_a_taken_joiner_back},
                {"where a device is expelled from", test_places},
                {"a device that does not go", test_expelling},
                {"a bus rescanned", test_bringing_back},
                {"the expelled in a record", test_expelled_in_a_record},
                {"the group of a device", test_groups_of_devices},
        };

        return tap_run(tests);
}
