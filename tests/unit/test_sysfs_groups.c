/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The tree's facts beside ids and configuration space: groups, slots, resets, and facts that only a
 * running machine has.
 */

#include "core/probe/sysfs.h"
#include "core/probe/sysfs_live.h"
#include "tap.h"
#include "topology.h"
#include "tree.h"

#include <errno.h>
#include <unistd.h>

static Snapshot *read_tree(const char *root)
{
        Snapshot *snapshot = NULL;

        CHECK_NUMBER(sysfs_read_snapshot(root, &snapshot), 0);
        if (snapshot)
                CHECK_NUMBER(sysfs_read_traits(root, snapshot), 0);
        tree_remove();
        return snapshot;
}

static void test_groups(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        const char *root = tree_make();

        tree_file("kernel/iommu_groups/12/type", "DMA-FQ\n");
        tree_file("kernel/iommu_groups/12/reserved_regions",
                  "0x00000000fee00000 0x00000000feefffff msi\n"
                  "0x0000000000001000 0x0000000000001fff direct-relaxable\n");
        tree_file("kernel/iommu_groups/3/type", "identity\n");
        tree_file("kernel/iommu_groups/3/reserved_regions",
                  "0x0000000000001000 0x0000000000001fff direct\n"
                  "0x00000000fee00000 0x00000000feefffff msi\n");
        tree_file("kernel/iommu_groups/7/type", "a type that is far too long to keep\n");
        tree_file("kernel/iommu_groups/x/type", "DMA\n");
        tree_file("kernel/iommu_groups/99999999999/type", "DMA\n");
        snapshot = read_tree(root);
        if (!CHECK(snapshot && snapshot->n_kernel_groups == 3))
                return;

        CHECK_NUMBER(snapshot->kernel_groups[0].number, 3);
        CHECK_STRING(snapshot->kernel_groups[0].type, "identity");
        CHECK_NUMBER(snapshot->kernel_groups[0].direct, TRISTATE_YES);
        CHECK_NUMBER(snapshot->kernel_groups[1].number, 7);
        CHECK_STRING(snapshot->kernel_groups[1].type, "");
        CHECK_NUMBER(snapshot->kernel_groups[1].direct, TRISTATE_UNKNOWN);
        CHECK_NUMBER(snapshot->kernel_groups[2].number, 12);
        CHECK_STRING(snapshot->kernel_groups[2].type, "DMA-FQ");
        CHECK_NUMBER(snapshot->kernel_groups[2].direct, TRISTATE_NO);
}

/* A file that was not read to its end may contain anything. */
static void test_long_regions(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(freep) char *text = calloc(1, 1 << 16);
        const char *root = tree_make();

        if (!CHECK(text))
                return;
        for (size_t i = 0; i + 40 < 1 << 16; i += 10)
                memcpy(text + i, "0x1 0x2 m\n", 10);
        tree_file("kernel/iommu_groups/0/reserved_regions", text);
        snapshot = read_tree(root);
        if (CHECK(snapshot && snapshot->n_kernel_groups == 1))
                CHECK_NUMBER(snapshot->kernel_groups[0].direct, TRISTATE_UNKNOWN);
}

static void test_slots(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        const char *root = tree_make();

        tree_file("bus/pci/slots/9/address", "0000:02:00\n");
        tree_file("bus/pci/slots/12-1/address", "0001:af:1f\n");
        tree_file("bus/pci/slots/empty/address", "\n");
        tree_file("bus/pci/slots/a-name-that-is-longer-than-a-slot-may-have/address", "0000:03:00");
        snapshot = read_tree(root);
        if (!CHECK(snapshot && snapshot->n_slots == 2))
                return;
        CHECK_STRING(snapshot->slots[0].name, "12-1");
        CHECK(bdf_equal(snapshot->slots[0].bdf, (Bdf){1, 0xaf, 0x1f << 3}));
        CHECK_STRING(snapshot->slots[1].name, "9");
        CHECK(bdf_equal(snapshot->slots[1].bdf, (Bdf){0, 2, 0}));
}

static void test_traits(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        const char *root = tree_make();
        const PciDevice *devices;

        for (unsigned i = 0; i < 5; i++) {
                char path[64];

                (void)snprintf(path, sizeof(path), "devices/pci0000:00/0000:00:%02x.0", i + 1);
                tree_device(path, 0x1234, 0x5678, 0x020000);
        }
        tree_file("devices/pci0000:00/0000:00:01.0/reset_method", "flr bus\n");
        tree_file("devices/pci0000:00/0000:00:01.0/removable", "removable\n");
        tree_file("devices/pci0000:00/0000:00:02.0/reset_method", "\n");
        tree_file("devices/pci0000:00/0000:00:02.0/reset", "");
        tree_file("devices/pci0000:00/0000:00:02.0/removable", "fixed\n");
        tree_file("devices/pci0000:00/0000:00:03.0/reset", "");
        tree_file("devices/pci0000:00/0000:00:03.0/removable", "unknown\n");
        tree_fifo("devices/pci0000:00/0000:00:04.0/reset_method");
        tree_file("devices/pci0000:00/0000:00:04.0/reset", "");
        CHECK_NUMBER(sysfs_read_snapshot(root, &snapshot), 0);
        if (!CHECK(snapshot && snapshot->n_devices == 5))
                return;

        devices = snapshot->devices;
        CHECK_NUMBER(devices[0].sysfs.resettable, TRISTATE_UNKNOWN);
        CHECK_NUMBER(sysfs_read_traits("/nonexistent", snapshot), -ENOENT);
        CHECK_NUMBER(sysfs_read_traits(root, snapshot), 0);
        tree_remove();
        CHECK_NUMBER(devices[0].sysfs.resettable, TRISTATE_YES);
        CHECK_NUMBER(devices[0].sysfs.removable, TRISTATE_YES);
        CHECK_NUMBER(devices[1].sysfs.resettable, TRISTATE_NO);
        CHECK_NUMBER(devices[1].sysfs.removable, TRISTATE_NO);
        CHECK_NUMBER(devices[2].sysfs.resettable, TRISTATE_YES);
        CHECK_NUMBER(devices[2].sysfs.removable, TRISTATE_UNKNOWN);
        CHECK_NUMBER(devices[3].sysfs.resettable, TRISTATE_UNKNOWN);
        CHECK_NUMBER(devices[4].sysfs.resettable, TRISTATE_UNKNOWN);
        CHECK_NUMBER(devices[4].sysfs.removable, TRISTATE_UNKNOWN);
        CHECK(!snapshot->command_line);
        CHECK_NUMBER(snapshot->interrupt_remapping, TRISTATE_UNKNOWN);
}

static Tristate remapping(const char *text)
{
        FILE *file = fmemopen((char *)text, strlen(text), "r");
        Tristate answer = TRISTATE_UNKNOWN;

        if (CHECK(file)) {
                answer = sysfs_live_remapping(file);
                (void)fclose(file);
        }
        return answer;
}

static void test_remapping(void)
{
        CHECK_NUMBER(remapping("           CPU0\n  0:  12  IO-APIC  2-edge  timer\n"),
                     TRISTATE_UNKNOWN);
        CHECK_NUMBER(remapping(" 24:  0  PCI-MSI 524288-edge  ahci\n"), TRISTATE_NO);
        CHECK_NUMBER(remapping(" 24:  0  PCI-MSI-0000:00:00.2  0-edge  AMD-Vi\n"
                               " 25:  9  IR-PCI-MSI-0000:01:00.0  0-edge  nvme0q0\n"),
                     TRISTATE_YES);
        CHECK_NUMBER(remapping(" 20:  0  DMAR-MSI    0-edge  dmar0\n"), TRISTATE_UNKNOWN);
        CHECK_NUMBER(remapping(" 30:  0  ITS-PCI-MSI-0000:01:00.0  0 Edge  nvme0q0\n"),
                     TRISTATE_UNKNOWN);
}

static void test_live(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;

        if (access("/sys/bus/pci/devices", F_OK) < 0 || access("/proc/cmdline", R_OK) < 0)
                SKIP("this machine has no /sys/bus/pci/devices or no /proc/cmdline");
        CHECK_NUMBER(sysfs_read_snapshot("/sys", &snapshot), 0);
        CHECK(snapshot && snapshot->command_line && !strchr(snapshot->command_line, '\n'));
}

int main(void)
{
        static const TapTest tests[] = {
                {"groups of the kernel", test_groups},
                {"regions that do not end", test_long_regions},
                {"slots", test_slots},
                {"resets and what can be pulled out", test_traits},
                {"chip names of interrupts", test_remapping},
                {"this machine", test_live},
        };

        return tap_run(tests);
}
