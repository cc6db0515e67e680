/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Recreating virtual functions on plain files, which keep every byte and make no device: like a
 * kernel that reports success and does nothing. The tests in virtual machines cover a real kernel.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/guard/recreate.h"
#include "daemon/host/driver.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define DEVICES "bus/pci/devices/"
#define PF DEVICES "0000:03:00.0/"
#define VF DEVICES "0000:03:00.2/"

static const Bdf pf = {.bus = 3};
static const Bdf vf = {.bus = 3, .devfn = 2};
static HostPaths host;

/* A lease whose only VF was lost, and is to be recreated by a PF that has none. */
static LeaseRecord *make(const char *numvfs)
{
        const LeaseVf lost = {
                .bdf = vf,
                .place = {.pf = pf, .index = 1, .n_vfs = 4, .vendor = 0x8086, .device = 0x10ca},
                .returning = true,
        };
        LeaseRecord *record = NULL;

        host = (HostPaths){.sysfs = tree_make(), .dev = "/nonexistent", .proc = "/nonexistent"};
        if (numvfs)
                tree_file(PF "sriov_numvfs", numvfs);
        tree_file(PF "sriov_drivers_autoprobe", "1\n");
        CHECK_NUMBER(lease_record_new(&record), 0);
        record->mode = LEASE_MODE_VFIO;
        CHECK_NUMBER(lease_record_add_device(record, vf, LEASE_ROLE_TAKEN, "", ""), 0);
        CHECK_NUMBER(lease_record_add_vf(record, &lost), 0);
        CHECK_NUMBER(lease_record_add_change(record, LEASE_CHANGE_VFS, "0000:03:00.0"), 0);
        record->devices[0].lost = record->devices[0].loss.recreate = true;
        return record;
}

static void put_vf(const char *device)
{
        tree_link(PF "virtfn1", "../0000:03:00.2");
        tree_link(VF "physfn", "../0000:03:00.0");
        tree_file(VF "vendor", "0x8086\n");
        tree_file(VF "device", device);
        tree_file(VF "driver_override", "(null)\n");
}

static void check_file(const char *name, char first)
{
        _cleanup_(freep) char *text = NULL;
        char path[4096];

        (void)snprintf(path, sizeof(path), "%s/%s", host.sysfs, name);
        if (CHECK_NUMBER(host_read_text(path, &text), 0))
                CHECK_NUMBER(text[0], first);
}

/*
 * Tries to recreate it. Whatever the result, the PF's switch is as before, and nothing is claimed.
 */
static void check_refusal(const LeaseRecord *record, int wanted, const char *words)
{
        _cleanup_(freep) char *message = NULL;
        VfioFds fds = {.n_items = 0};

        CHECK_NUMBER(recreate_vfs(&host, record, 0, &fds, &message), wanted);
        if (words && CHECK(message))
                CHECK(strstr(message, words));
        CHECK_NUMBER(fds.n_items, 0);
        check_file(PF "sriov_drivers_autoprobe", '1');
        tree_remove();
}

static void test_no_vf_comes(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make("0\n");

        CHECK(record);
        _cleanup_(freep) char *message = NULL;
        VfioFds fds = {.n_items = 0};
        CHECK_NUMBER(recreate_vfs(&host, record, 0, &fds, &message), REFUSAL_CHANGED);
        check_file(PF "sriov_numvfs", '4'); /* it was written */
        free(TAKE_PTR(message));
        /* Once more, it is not written: there are VFs now. */
        record->vfs[0].place.n_vfs = 7;
        CHECK_NUMBER(recreate_vfs(&host, record, 0, &fds, &message), REFUSAL_CHANGED);
        check_file(PF "sriov_numvfs", '4');
        tree_remove();
}

static void test_nobody_asked_for_it(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make("0\n");
        _cleanup_(freep) char *message = NULL;
        VfioFds fds = {.n_items = 0};

        record->devices[0].loss.recreate = false;
        CHECK_NUMBER(recreate_vfs(&host, record, 0, &fds, &message), REFUSAL_CHANGED);
        check_file(PF "sriov_numvfs", '0');
        tree_remove();
}

static void test_another_vf(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make("0\n");

        put_vf("0x10cb\n");
        check_refusal(record, REFUSAL_CHANGED, "is not the virtual function that was lost");
        record = lease_record_free(record);

        /* The same PF at its address, but another VF of it. */
        record = make("0\n");
        put_vf("0x10ca\n");
        record->vfs[0].place.index = 0;
        check_refusal(record, REFUSAL_CHANGED, "is not the virtual function that was lost");
}

/* vfio-pci does not bind: the override that was set for it is removed. */
static void test_a_driver_that_does_not_come(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make("0\n");

        put_vf("0x10ca\n");
        tree_file("bus/pci/drivers_probe", "");
        check_refusal(record, REFUSAL_KERNEL_REFUSED, "0000:03:00.2");
}

/* A reserved device is reserved again, and no driver probe is asked for. */
static void test_a_reserved_vf(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make("0\n");
        _cleanup_(freep) char *message = NULL, *override = NULL;
        VfioFds fds = {.n_items = 0};

        put_vf("0x10ca\n");
        tree_file("bus/pci/drivers_probe", "");
        free(record->devices[0].before.override);
        record->devices[0].before.override = strdup("isolationd-block");
        CHECK_NUMBER(recreate_vfs(&host, record, 0, &fds, &message), REFUSAL_KERNEL_REFUSED);
        CHECK_NUMBER(driver_override_read(&host, vf, &override), 0);
        CHECK_STRING(override ? override : "", "isolationd-block");
        tree_remove();
}

static void test_a_pf_without_the_file(void)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = make(NULL);

        check_refusal(record, -ENOENT, NULL);
}

int main(void)
{
        static const TapTest tests[] = {
                {"no virtual function comes", test_no_vf_comes},
                {"nobody asked for it", test_nobody_asked_for_it},
                {"another virtual function", test_another_vf},
                {"a driver that does not come", test_a_driver_that_does_not_come},
                {"a reserved virtual function", test_a_reserved_vf},
                {"a PF that has no such file", test_a_pf_without_the_file},
        };

        return tap_run(tests);
}
