/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The transactions on plain files, which keep every byte and change no link: like a kernel that
 * ignores writes.
 */

#include <errno.h>
#include <stdio.h>

#include "core/model/strength.h"
#include "daemon/host/driver.h"
#include "daemon/lease/steps.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define DEVICE "bus/pci/devices/0000:01:00.0"

static const Bdf nic = {.bus = 1};
static HostPaths host;

static void make_host(void)
{
        host = (HostPaths){.sysfs = tree_make(), .dev = "/nonexistent", .proc = "/nonexistent"};
        tree_file("bus/pci/drivers/vfio-pci/bind", "");
        tree_file("bus/pci/drivers/e1000e/unbind", "");
        tree_file("bus/pci/drivers_probe", "");
        tree_file(DEVICE "/driver_override", "(null)\n");
        tree_link(DEVICE "/driver", "../../../bus/pci/drivers/e1000e");
}

static LeaseRecord *make(const char *driver_before)
{
        LeaseRecord *record = NULL;

        make_host();
        CHECK(lease_record_new(&record) == 0);
        record->id = 1;
        record->mode = LEASE_MODE_VFIO;
        CHECK(lease_record_add_group(record, 1, "0000:00/1c.0") == 0);
        CHECK(lease_record_add_device(record, nic, LEASE_ROLE_TAKEN, driver_before, "") == 0);
        return record;
}

static void test_reading(void)
{
        _cleanup_(freep) char *driver = NULL, *override = NULL;
        const Bdf nobody = {.bus = 9};

        make_host();
        CHECK_NUMBER(driver_read(&host, nic, &driver), 0);
        CHECK_STRING(driver, "e1000e");
        CHECK_NUMBER(driver_override_read(&host, nic, &override), 0);
        CHECK_STRING(override, "");
        CHECK_NUMBER(driver_read(&host, nobody, &driver), -ENOENT);
        tree_remove();
}

static void test_unbinding_that_does_not_happen(void)
{
        _cleanup_(freep) char *message = NULL;

        make_host();
        CHECK_NUMBER(driver_unbind(&host, nic, &message), REFUSAL_KERNEL_REFUSED);
        CHECK_STRING(message, "0000:01:00.0: still bound to e1000e after unbinding: "
                              "No such file or directory");
        tree_remove();
}

static void test_binding_that_does_not_happen(void)
{
        _cleanup_(freep) char *message = NULL;

        make_host();
        CHECK_NUMBER(driver_bind(&host, nic, "vfio-pci", &message), REFUSAL_KERNEL_REFUSED);
        CHECK_STRING(message, "0000:01:00.0: e1000e took the device instead of vfio-pci");
        CHECK_NUMBER(driver_bind(&host, nic, "e1000e", &message), 0);
        tree_remove();
}

/*
 * The transaction can neither unbind the driver nor restore the override: root has to repair that.
 */
static void test_a_take_that_cannot_be_undone(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make("e1000e");
        _cleanup_(freep) char *message = NULL;
        VfioFds fds = {.n_items = 0};

        CHECK_NUMBER(lease_steps_take(&host, record, &fds, &message), REFUSAL_QUARANTINED);
        CHECK(message && strstr(message, "still bound to e1000e"));
        CHECK(message && strstr(message, "restoring the host failed too"));
        CHECK_NUMBER(fds.n_items, 0);
        tree_remove();
}

static int restore_all(const HostPaths *on, const LeaseRecord *record, char **ret_message)
{
        _cleanup_(lease_clean_clear) Cleaning cleaning = {.snapshot = NULL};

        return lease_steps_restore(on, record, &cleaning, ret_message);
}

static void test_restoring_what_is_restored(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make("e1000e");
        _cleanup_(freep) char *message = NULL;

        CHECK_NUMBER(restore_all(&host, record, &message), 0);
        CHECK_NUMBER(restore_all(&host, record, &message), 0);
        CHECK(!message);
        tree_remove();
}

static void test_a_device_that_is_gone_is_skipped(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make("e1000e");
        _cleanup_(freep) char *message = NULL;
        const Bdf gone = {.bus = 9};

        CHECK(lease_record_add_device(record, gone, LEASE_ROLE_TAKEN, "igb", "") == 0);
        CHECK_NUMBER(restore_all(&host, record, &message), 0);
        tree_remove();
}

static void test_harmless_drivers(void)
{
        CHECK(driver_is_harmless(""));
        CHECK(driver_is_harmless("pcieport"));
        CHECK(driver_is_harmless("vfio-pci"));
        CHECK(driver_is_harmless("mlx5_vfio_pci"));
        CHECK(driver_is_harmless("xe-vfio-pci"));
        CHECK(!driver_is_harmless("vfi"));
        CHECK(!driver_is_harmless("mlx5_vfio_pci_core"));
        CHECK(!driver_is_harmless("shpchp"));
        CHECK(!driver_is_harmless("e1000e"));
        CHECK(!driver_is_harmless("pcieport2"));
}

int main(void)
{
        static const TapTest tests[] = {
                {"driver and override are read", test_reading},
                {"an unbinding that does not happen", test_unbinding_that_does_not_happen},
                {"a binding that does not happen", test_binding_that_does_not_happen},
                {"a take that cannot be undone", test_a_take_that_cannot_be_undone},
                {"restoring twice is restoring once", test_restoring_what_is_restored},
                {"a device that is gone is skipped", test_a_device_that_is_gone_is_skipped},
                {"drivers that may stay", test_harmless_drivers},
        };

        return tap_run(tests);
}
