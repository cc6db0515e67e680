/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reading a tree: a small machine written into a temporary directory in the kernel's form, then
 * read back; and trees with parts missing.
 */

#include "core/model/groups.h"
#include "core/probe/sysfs.h"
#include "core/probe/sysfs_place.h"
#include "tap.h"
#include "topology.h"
#include "tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *tree_of_machine(void)
{
        const char *root = tree_make();

        tree_device("devices/pci0000:00/0000:00:1c.0", 0x8086, 0xa110, 0x060400);
        tree_config("devices/pci0000:00/0000:00:1c.0", 4096, PCIE_TYPE_ROOT_PORT, 1);
        tree_device("devices/pci0000:00/0000:00:1c.0/0000:01:00.0", 0x8086, 0x10fb, 0x020000);
        tree_config("devices/pci0000:00/0000:00:1c.0/0000:01:00.0", 4096, PCIE_TYPE_ENDPOINT, 0);
        tree_link("devices/pci0000:00/0000:00:1c.0/0000:01:00.0/driver",
                  "../../../../bus/pci/drivers/ixgbe");
        tree_link("devices/pci0000:00/0000:00:1c.0/0000:01:00.0/iommu",
                  "../../../virtual/iommu/dmar1");
        tree_link("devices/pci0000:00/0000:00:1c.0/0000:01:00.0/iommu_group",
                  "../../../../kernel/iommu_groups/12");
        tree_file("devices/pci0000:00/0000:00:1c.0/0000:01:00.0/subsystem_vendor", "0x1028\n");
        tree_device("devices/pci0000:00/0000:00:1c.0/0000:01:10.2", 0xffff, 0xffff, 0x020000);
        tree_link("devices/pci0000:00/0000:00:1c.0/0000:01:10.2/physfn", "../0000:01:00.0");
        tree_link("devices/pci0000:00/0000:00:1c.0/0000:01:00.0/virtfn0", "../0000:01:10.0");
        tree_link("devices/pci0000:00/0000:00:1c.0/0000:01:00.0/virtfn1", "../0000:01:10.2");
        tree_device("devices/pci0000:00/0000:00:0e.0", 0x8086, 0x9a0b, 0x010400);
        tree_device("devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0", 0x8086, 0x9a0f,
                    0x060400);
        tree_link("bus/pci/devices/0000:00:99.9", "../../../devices/nowhere");
        tree_link("bus/pci/devices/0000:07:00.0", "../../../devices/nowhere");
        return root;
}

static void test_read(void)
{
        const char *root = tree_of_machine();
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        const PciDevice *device;

        CHECK_NUMBER(sysfs_read_snapshot(root, &snapshot), 0);
        tree_remove();
        if (!CHECK(snapshot && snapshot->n_devices == 5))
                return;

        device = &snapshot->devices[topology_find(snapshot, "01:00.0")];
        CHECK_NUMBER(device->ids.vendor, 0x8086);
        CHECK_NUMBER(device->ids.device, 0x10fb);
        CHECK_NUMBER(device->ids.subsystem_vendor, 0x1028);
        CHECK_NUMBER(device->ids.class_code, 0x020000);
        CHECK_STRING(device->sysfs.driver, "ixgbe");
        CHECK_STRING(device->sysfs.iommu, "dmar1");
        CHECK_NUMBER(device->sysfs.iommu_kind, IOMMU_KIND_DMAR);
        CHECK_NUMBER(device->kernel_group, 12);
        CHECK_NUMBER(device->parent, topology_find(snapshot, "00:1c.0"));
        CHECK_NUMBER(device->facts.acs.present, TRISTATE_NO);

        device = &snapshot->devices[topology_find(snapshot, "00:1c.0")];
        CHECK_NUMBER(device->facts.pcie, TRISTATE_YES);
        CHECK_NUMBER(device->pcie_type, PCIE_TYPE_ROOT_PORT);
        CHECK_NUMBER(device->facts.acs.present, TRISTATE_YES);
        CHECK_NUMBER(device->facts.acs.ctrl, 0x1d);
        CHECK(!device->place.has_parent);
        CHECK_STRING(device->sysfs.driver, "");
        CHECK_NUMBER(device->kernel_group, -1);
}

static void test_places(void)
{
        const char *root = tree_of_machine();
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(freep) char *vf = NULL, *child = NULL;

        CHECK_NUMBER(sysfs_read_snapshot(root, &snapshot), 0);
        tree_remove();
        if (!CHECK(snapshot != NULL))
                return;
        vf = snapshot_path(snapshot, topology_find(snapshot, "01:10.2"));
        CHECK_STRING(vf, "0000:00/1c.0/00.0/vf1");
        child = snapshot_path(snapshot, topology_find(snapshot, "10000:e0:06.0"));
        CHECK_STRING(child, "0000:00/0e.0/06.0");
        CHECK_STRING(snapshot->kernel_release, "");
}

/* A VF's number is computed from offset and stride, and accepted only if the link agrees. */
static void test_vf_numbers(void)
{
        const char *root = tree_of_machine();
        _cleanup_(snapshot_freep) Snapshot *right = NULL, *wrong = NULL;

        tree_file("devices/pci0000:00/0000:00:1c.0/0000:01:00.0/sriov_offset", "128\n");
        tree_file("devices/pci0000:00/0000:00:1c.0/0000:01:00.0/sriov_stride", "2\n");
        CHECK_NUMBER(sysfs_read_snapshot(root, &right), 0);
        tree_file("devices/pci0000:00/0000:00:1c.0/0000:01:00.0/sriov_stride", "0\n");
        CHECK_NUMBER(sysfs_read_snapshot(root, &wrong), 0);
        tree_remove();
        if (!CHECK(right && wrong))
                return;
        CHECK_NUMBER(right->devices[topology_find(right, "01:10.2")].place.vf_index, 1);
        CHECK_NUMBER(wrong->devices[topology_find(wrong, "01:10.2")].place.vf_index, 1);
}

static void test_short_config(void)
{
        const char *root = tree_make();
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;

        tree_device("devices/pci0000:00/0000:00:01.0", 1, 1, 0);
        tree_config("devices/pci0000:00/0000:00:01.0", 64, PCIE_TYPE_ROOT_PORT, 1);
        tree_device("devices/pci0000:00/0000:00:02.0", 1, 1, 0);
        tree_config("devices/pci0000:00/0000:00:02.0", 0, PCIE_TYPE_ROOT_PORT, 1);
        tree_device("devices/pci0000:00/0000:00:03.0", 1, 1, 0);
        CHECK_NUMBER(sysfs_read_snapshot(root, &snapshot), 0);
        tree_remove();
        if (!CHECK(snapshot && snapshot->n_devices == 3))
                return;
        CHECK_NUMBER(snapshot->devices[0].facts.header_known, TRISTATE_YES);
        CHECK_NUMBER(snapshot->devices[0].facts.pcie, TRISTATE_UNKNOWN);
        CHECK_NUMBER(snapshot->devices[0].facts.acs.present, TRISTATE_UNKNOWN);
        CHECK_NUMBER(snapshot->devices[1].facts.present, TRISTATE_UNKNOWN);
        CHECK_NUMBER(snapshot->devices[2].facts.present, TRISTATE_UNKNOWN);
}

/* No kind of file in place of an attribute makes the reader wait or read without end. */
static void test_odd_files(void)
{
        const char *root = tree_make();
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        char path[512];

        tree_device("devices/pci0000:00/0000:00:01.0", 1, 1, 0);
        tree_fifo("devices/pci0000:00/0000:00:01.0/config");
        tree_fifo("devices/pci0000:00/0000:00:01.0/subsystem_vendor");
        tree_file("devices/pci0000:00/0000:00:01.0/class", "0xnonsense\n");
        tree_link("devices/pci0000:00/0000:00:01.0/iommu_group", "../../-3");
        tree_link("devices/pci0000:00/0000:00:01.0/driver",
                  "x/"
                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        /* Copied without its links: its parent is unknown. */
        (void)snprintf(path, sizeof(path), "%s/bus/pci/devices/0000:05:00.0", root);
        CHECK(mkdir(path, 0700) == 0);
        tree_file("bus/pci/devices/0000:05:00.0/vendor", "0x1234\n");
        CHECK_NUMBER(sysfs_read_snapshot(root, &snapshot), 0);
        tree_remove();
        if (!CHECK(snapshot && snapshot->n_devices == 2))
                return;
        CHECK_NUMBER(snapshot->devices[0].facts.present, TRISTATE_UNKNOWN);
        CHECK_NUMBER(snapshot->devices[0].ids.class_code, 0);
        CHECK_NUMBER(snapshot->devices[0].kernel_group, -1);
        CHECK(snapshot->devices[0].sysfs.driver[0] != '\0');
        CHECK(snapshot->devices[1].place.has_parent &&
              snapshot->devices[1].parent == SNAPSHOT_NONE);
}

static void test_identity(void)
{
        static const char *const broken[] = {
                "",
                "pci:",
                "usb:v00001AF4d00001041sv00001AF4sd00001100bc02sc00i00",
                "pci:v00001AF4d00001041sv00001AF4sd00001100bc02sc00",
                "pci:v00001AF4d00001041sv00001AF4sd00001100bc02sc00i00x",
                "pci:v00011AF4d00001041sv00001AF4sd00001100bc02sc00i00",
        };
        const char *root = tree_make();
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;

        for (size_t i = 0; i <= ARRAY_SIZE(broken); i++) {
                char path[64], file[80];

                (void)snprintf(path, sizeof(path), "devices/pci0000:00/0000:00:%02zx.0", i);
                (void)snprintf(file, sizeof(file), "%s/modalias", path);
                tree_device(path, 0x8086, 0x10d3, 0x020000);
                tree_file(file,
                          i < ARRAY_SIZE(broken)
                                  ? broken[i]
                                  : "pci:v00001AF4d00001041sv00001AF4sd00001100bc0Csc03i30\n");
        }
        CHECK_NUMBER(sysfs_read_snapshot(root, &snapshot), 0);
        for (size_t i = 0; snapshot && i < ARRAY_SIZE(broken); i++) {
                CHECK_NUMBER(snapshot->devices[i].ids.vendor, 0x8086);
                CHECK_NUMBER(snapshot->devices[i].ids.class_code, 0x020000);
        }
        if (CHECK(snapshot && snapshot->n_devices == ARRAY_SIZE(broken) + 1)) {
                const PciDevice *device = &snapshot->devices[ARRAY_SIZE(broken)];

                CHECK_NUMBER(device->ids.vendor, 0x1af4);
                CHECK_NUMBER(device->ids.device, 0x1041);
                CHECK_NUMBER(device->ids.subsystem_vendor, 0x1af4);
                CHECK_NUMBER(device->ids.subsystem_device, 0x1100);
                CHECK_NUMBER(device->ids.class_code, 0x0c0330);
        }
        tree_remove();
}

static void test_no_pci(void)
{
        const char *root = tree_make();
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        char path[512];

        (void)snprintf(path, sizeof(path), "%s/bus/pci", root);
        CHECK_NUMBER(sysfs_read_snapshot(path, &snapshot), SYSFS_E_NO_PCI);
        (void)snprintf(path, sizeof(path), "%s/nowhere", root);
        CHECK(sysfs_read_snapshot(path, &snapshot) < 0);
        CHECK_NUMBER(sysfs_read_snapshot(root, &snapshot), 0);
        CHECK_NUMBER(snapshot->n_devices, 0);
        tree_remove();
}

static Tristate ivrs_of(const char *root)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;

        CHECK_NUMBER(sysfs_read_snapshot(root, &snapshot), 0);
        return snapshot ? snapshot->ivrs : TRISTATE_UNKNOWN;
}

static void test_ivrs(void)
{
        const char *root = tree_make();

        CHECK_NUMBER(ivrs_of(root), TRISTATE_UNKNOWN);
        tree_file("firmware/acpi/tables/DMAR", "x");
        CHECK_NUMBER(ivrs_of(root), TRISTATE_NO);
        tree_file("firmware/acpi/tables/IVRS", "x");
        CHECK_NUMBER(ivrs_of(root), TRISTATE_YES);
        tree_remove();
}

static void test_place_parse(void)
{
        PciDevice device = {.bdf = {1, 2, 0x18}};

        sysfs_place_parse(&device, "../../../devices/platform/soc/30000000.pcie/pci0001:00/"
                                   "0001:00:00.0/0001:01:00.0/0001:02:03.0");
        CHECK(device.place.has_parent && bdf_equal(device.place.parent_bdf, (Bdf){1, 1, 0}));
        CHECK(device.place.root_domain == 1 && device.place.root_bus == 0 &&
              !device.place.has_real_dma);
        sysfs_place_parse(&device, "pci0001:02/0001:02:03.0");
        CHECK(!device.place.has_parent && device.place.root_bus == 2);
        sysfs_place_parse(&device, "0001:01:00.0/0001:02:03.0");
        CHECK(device.place.has_parent && bdf_equal(device.place.parent_bdf, (Bdf){1, 1, 0}));
        sysfs_place_parse(&device, "/////");
        CHECK(device.place.has_parent && bdf_equal(device.place.parent_bdf, device.bdf));
        sysfs_place_parse(&device, "pci0001:00/0001:00:00.0/0001:02:04.0");
        CHECK(device.place.has_parent && bdf_equal(device.place.parent_bdf, device.bdf));
}

static void test_live(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(partition_freep) Partition *partition = NULL;
        int r;

        if (access("/sys/bus/pci/devices", F_OK) < 0)
                SKIP("this machine has no /sys/bus/pci/devices");
        r = sysfs_read_snapshot("/sys", &snapshot);
        if (!CHECK_NUMBER(r, 0))
                return;
        CHECK(snapshot->kernel_release[0] != '\0');
        CHECK_NUMBER(kernel_groups_compute(snapshot, &partition), 0);
        CHECK(topology_reasons_connect(partition));
}

static Snapshot *read_again(const char *root, const Snapshot *before)
{
        Snapshot *snapshot = NULL;

        CHECK_NUMBER(sysfs_read_snapshot_again(root, before, &snapshot), 0);
        if (!snapshot || snapshot->n_devices != 2)
                abort();
        return snapshot;
}

/* A device is read once, unless the read failed or another device has taken its place. */
static void test_again(void)
{
        static const char there[] = "devices/pci0000:00/0000:00:01.0";
        static const char silent[] = "devices/pci0000:00/0000:00:02.0";
        _cleanup_(snapshot_freep) Snapshot *first = NULL, *second = NULL, *third = NULL;
        const char *root = tree_make();
        char from[256], to[256];

        tree_device(there, 1, 1, 0);
        tree_config(there, 4096, PCIE_TYPE_ROOT_PORT, 1);
        tree_device(silent, 1, 1, 0);
        tree_config(silent, 64, PCIE_TYPE_ROOT_PORT, 1);
        first = read_again(root, NULL);
        CHECK_NUMBER(first->devices[0].facts.acs.present, TRISTATE_YES);
        CHECK_NUMBER(first->devices[1].facts.acs.present, TRISTATE_UNKNOWN);

        tree_config(there, 4096, PCIE_TYPE_ENDPOINT, 0);
        tree_config(silent, 4096, PCIE_TYPE_ROOT_PORT, 1);
        second = read_again(root, first);
        CHECK_NUMBER(second->devices[0].facts.acs.present, TRISTATE_YES);
        CHECK_NUMBER(second->devices[0].pcie_type, PCIE_TYPE_ROOT_PORT);
        CHECK_NUMBER(second->devices[1].facts.acs.present, TRISTATE_YES);

        /* The old directory is kept elsewhere, so that its inode number is not reused. */
        (void)snprintf(from, sizeof(from), "%s/%s", root, there);
        (void)snprintf(to, sizeof(to), "%s/devices/gone", root);
        CHECK_NUMBER(rename(from, to), 0);
        (void)snprintf(from, sizeof(from), "%s/bus/pci/devices/0000:00:01.0", root);
        CHECK_NUMBER(unlink(from), 0);
        tree_device(there, 1, 1, 0);
        tree_config(there, 4096, PCIE_TYPE_ENDPOINT, 0);
        third = read_again(root, second);
        tree_remove();
        CHECK_NUMBER(third->devices[0].facts.acs.present, TRISTATE_NO);
        CHECK_NUMBER(third->devices[0].pcie_type, PCIE_TYPE_ENDPOINT);
}

int main(void)
{
        static const TapTest tests[] = {
                {"a machine is read", test_read},
                {"places", test_places},
                {"numbers of virtual functions", test_vf_numbers},
                {"short configuration space", test_short_config},
                {"files that are no attributes", test_odd_files},
                {"ids at once, or one by one", test_identity},
                {"read again", test_again},
                {"no PCI", test_no_pci},
                {"an IVRS table", test_ivrs},
                {"paths of directories", test_place_parse},
                {"the tree of this machine", test_live},
        };

        return tap_run(tests);
}
