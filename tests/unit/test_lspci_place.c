/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Dumps of whole machines: parents, virtual functions and VMD; and hex bytes, which override the
 * words.
 */

#include "core/model/groups.h"
#include "core/model/quirks.h"
#include "core/probe/lspci.h"
#include "tap.h"
#include "topology.h"

static Snapshot *read_text(const char *text)
{
        Snapshot *snapshot = NULL;

        CHECK_NUMBER(lspci_read(text, strlen(text), &snapshot), 0);
        return snapshot;
}

static void test_parents(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = read_text(
                "00:00.0 Host bridge: A\n\tStatus: Cap-\n"
                "00:1c.0 PCI bridge: A\n"
                "\tBus: primary=00, secondary=01, subordinate=05, sec-latency=0\n"
                "\tStatus: Cap+\n\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n"
                "01:00.0 PCI bridge: A\n"
                "\tBus: primary=00, secondary=02, subordinate=05, sec-latency=0\n"
                "\tStatus: Cap+\n\tCapabilities: [40] Express (v2) Upstream Port, MSI 00\n"
                "02:00.0 PCI bridge: A\n"
                "\tBus: primary=00, secondary=03, subordinate=03, sec-latency=0\n"
                "\tStatus: Cap+\n"
                "\tCapabilities: [40] Express (v2) Downstream Port (Slot+), MSI 00\n"
                "02:01.0 PCI bridge: A\n"
                "\tBus: primary=00, secondary=05, subordinate=05, sec-latency=0\n"
                "\tStatus: Cap+\n"
                "\tCapabilities: [40] Express (v2) Downstream Port (Slot+), MSI 00\n"
                "03:00.0 USB controller: A\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n"
                "04:00.0 USB controller: A\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n"
                "04:00.1 USB controller: A\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n"
                "40:00.0 Host bridge: A\n\tStatus: Cap-\n"
                "40:03.0 USB controller: A\n\tStatus: Cap-\n"
                "50:00.0 USB controller: A\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n"
                "60:00.0 USB controller: A\n\tStatus: Cap-\n"
                "7f:08.0 System peripheral: Intel Corporation A\n\tStatus: Cap-\n"
                "7f:08.2 Performance counters: Intel Corporation A\n\tStatus: Cap-\n"
                "0001:01:00.0 USB controller: A\n\tStatus: Cap-\n");
        const PciDevice *device;

        if (!CHECK(snapshot && snapshot->n_devices == 15))
                return;
        CHECK_STRING(topology_above(snapshot, "00:1c.0"), "root");
        CHECK_STRING(topology_above(snapshot, "01:00.0"), "0000:00:1c.0");
        CHECK_STRING(topology_above(snapshot, "02:01.0"), "0000:01:00.0");
        CHECK_STRING(topology_above(snapshot, "03:00.0"), "0000:02:00.0");
        CHECK_STRING(topology_above(snapshot, "04:00.0"), "?"); /* a bridge is missing in between */
        CHECK_STRING(topology_above(snapshot, "40:03.0"), "root");
        CHECK_STRING(topology_above(snapshot, "50:00.0"), "?");
        CHECK_STRING(topology_above(snapshot, "60:00.0"),
                     "?"); /* its bridge may be a conventional one */
        CHECK_STRING(topology_above(snapshot, "7f:08.0"), "root");
        CHECK_STRING(topology_above(snapshot, "0001:01:00.0"),
                     "?"); /* the text has only a part of that domain */
        device = &snapshot->devices[topology_find(snapshot, "03:00.0")];
        CHECK_NUMBER(device->place.root_bus, 0);
        CHECK_NUMBER(device->depth, 3);
}

/* Functions below the same unknown bridge stay together. */
static void test_unknown_bridge(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot =
                read_text("05:00.0 USB controller: A\n\tStatus: Cap+\n"
                          "\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n"
                          "05:01.0 USB controller: A\n\tStatus: Cap+\n"
                          "\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n"
                          "06:00.0 USB controller: A\n\tStatus: Cap+\n"
                          "\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n");
        _cleanup_(partition_freep) Partition *partition = NULL;
        _cleanup_(freep) char *text = NULL;

        if (!CHECK(snapshot))
                return;
        CHECK_NUMBER(kernel_groups_compute(snapshot, &partition), 0);
        text = topology_text(snapshot, partition);
        CHECK_STRING(text, "05:00.0 05:01.0 06:00.0");
}

/* Bridges that lead to themselves, backwards, or to the same bus twice. */
static void test_forged(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = read_text(
                "00:01.0 PCI bridge: A\n"
                "\tBus: primary=00, secondary=00, subordinate=ff, sec-latency=0\n"
                "\tStatus: Cap+\n\tCapabilities: [40] Express (v2) Root Port (Slot-), MSI 00\n"
                "00:02.0 PCI bridge: A\n"
                "\tBus: primary=00, secondary=05, subordinate=03, sec-latency=0\n"
                "\tStatus: Cap+\n\tCapabilities: [40] Express (v2) Root Port (Slot-), MSI 00\n"
                "00:03.0 PCI bridge: A\n"
                "\tBus: primary=00, secondary=07, subordinate=09, sec-latency=0\n"
                "\tStatus: Cap+\n\tCapabilities: [40] Express (v2) Root Port (Slot-), MSI 00\n"
                "00:04.0 PCI bridge: A\n"
                "\tBus: primary=00, secondary=07, subordinate=08, sec-latency=0\n"
                "\tStatus: Cap+\n\tCapabilities: [40] Express (v2) Root Port (Slot-), MSI 00\n"
                "05:00.0 PCI bridge: A\n"
                "\tBus: primary=00, secondary=05, subordinate=05, sec-latency=0\n"
                "\tStatus: Cap+\n\tCapabilities: [40] Express (v2) Upstream Port, MSI 00\n"
                "07:00.0 USB controller: A\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n"
                "08:00.0 PCI bridge: A\n"
                "\tBus: primary=00, secondary=01, subordinate=ff, sec-latency=0\n"
                "\tStatus: Cap+\n\tCapabilities: [40] Express (v2) Upstream Port, MSI 00\n");

        if (!CHECK(snapshot && snapshot->n_devices == 7))
                return;
        CHECK_STRING(topology_above(snapshot, "00:01.0"), "root");
        CHECK_STRING(topology_above(snapshot, "05:00.0"), "?");
        CHECK_STRING(topology_above(snapshot, "07:00.0"), "?");
        CHECK_STRING(topology_above(snapshot, "08:00.0"), "?");
}

static void test_vfs(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = read_text(
                "00:01.0 PCI bridge: A\n"
                "\tBus: primary=00, secondary=01, subordinate=02, sec-latency=0\n"
                "\tStatus: Cap+\n\tCapabilities: [40] Express (v2) Root Port (Slot-), MSI 00\n"
                "01:00.0 Ethernet controller: A\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n"
                "\tCapabilities: [160 v1] Single Root I/O Virtualization (SR-IOV)\n"
                "\t\tIOVCtl:\tEnable+ Migration-\n"
                "\t\tInitial VFs: 8, Total VFs: 8, Number of VFs: 3, Function Dependency\n"
                "\t\tVF offset: 128, stride: 128, Device ID: 10ed\n"
                "01:00.1 Ethernet controller: A\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n"
                "\tCapabilities: [160 v1] Single Root I/O Virtualization (SR-IOV)\n"
                "\t\tIOVCtl:\tEnable- Migration-\n"
                "\t\tInitial VFs: 8, Total VFs: 8, Number of VFs: 2, Function Dependency\n"
                "\t\tVF offset: 1, stride: 1, Device ID: 10ed\n"
                "01:00.2 Ethernet controller: A\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n"
                "01:10.0 Ethernet controller: A Virtual Function\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n"
                "02:00.0 Ethernet controller: A Virtual Function\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n"
                "02:10.0 Ethernet controller: A Virtual Function\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n"
                "02:18.0 Ethernet controller: A Virtual Function\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n");
        static const char *const vfs[] = {"01:10.0", "02:00.0", "02:10.0"};

        if (!CHECK(snapshot && snapshot->n_devices == 8))
                return;
        for (size_t i = 0; i < ARRAY_SIZE(vfs); i++) {
                const PciDevice *device = &snapshot->devices[topology_find(snapshot, vfs[i])];

                CHECK(device->place.is_vf && device->physfn == topology_find(snapshot, "01:00.0"));
                CHECK_NUMBER(device->place.vf_index, i);
                CHECK_STRING(topology_above(snapshot, vfs[i]), "0000:00:01.0");
        }
        CHECK(!snapshot->devices[topology_find(snapshot, "01:00.2")].place.is_vf);
        /* It has that name, but no bus number leads there. */
        CHECK(!snapshot->devices[topology_find(snapshot, "02:18.0")].place.is_vf);
}

static void test_vmd(void)
{
        _cleanup_(snapshot_freep) Snapshot *one = NULL, *two = NULL;
        const PciDevice *device;

        one = read_text(
                "0000:00:0e.0 RAID bus controller [0104]: Intel Corporation A [8086:467f]\n"
                "10000:e0:06.0 PCI bridge: A\n"
                "\tBus: primary=00, secondary=e1, subordinate=e1, sec-latency=0\n"
                "\tStatus: Cap+\n\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n"
                "10000:e1:00.0 Non-Volatile memory controller: A\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n");
        if (!CHECK(one && one->n_devices == 3))
                return;
        device = &one->devices[topology_find(one, "10000:e1:00.0")];
        CHECK_NUMBER(device->real_dma, topology_find(one, "00:0e.0"));
        CHECK_NUMBER(device->place.root_bus, 0xe0);
        CHECK_STRING(topology_above(one, "10000:e1:00.0"), "10000:e0:06.0");
        CHECK_STRING(topology_above(one, "10000:e0:06.0"), "root");

        two = read_text(
                "0000:00:0e.0 RAID bus controller [0104]: Intel Corporation A [8086:467f]\n"
                "0000:00:0f.0 RAID bus controller [0104]: Intel Corporation A [8086:467f]\n"
                "10000:e0:06.0 PCI bridge: A\n"
                "\tBus: primary=00, secondary=e1, subordinate=e1, sec-latency=0\n"
                "\tStatus: Cap+\n\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n"
                "10000:e1:00.0 Non-Volatile memory controller: A\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express (v2) Endpoint, MSI 00\n");
        if (!CHECK(two && two->n_devices == 4))
                return;
        device = &two->devices[topology_find(two, "10000:e1:00.0")];
        CHECK(device->place.has_real_dma && device->real_dma == SNAPSHOT_NONE);
        CHECK(bdf_equal(device->place.real_dma_bdf,
                        two->devices[topology_find(two, "10000:e0:06.0")].place.real_dma_bdf));
}

/* Of several VMDs, the one that is in the kernel's group of a domain is the domain's. */
static void test_vmd_groups(void)
{
        _cleanup_(snapshot_freep) Snapshot *two = read_text(
                "0000:00:0e.0 RAID bus controller [0104]: Intel Corporation A [8086:467f]\n"
                "\tIOMMU group: 3\n"
                "0000:00:0f.0 RAID bus controller [0104]: Intel Corporation A [8086:467f]\n"
                "\tIOMMU group: 4\n"
                "10000:e0:06.0 Non-Volatile memory controller: A\n\tIOMMU group: 4\n"
                "10001:e0:06.0 Non-Volatile memory controller: A\n\tIOMMU group: 5\n");

        if (!CHECK(two && two->n_devices == 4))
                return;
        CHECK_NUMBER(two->devices[2].real_dma, 1);
        CHECK(two->devices[3].place.has_real_dma && two->devices[3].real_dma == SNAPSHOT_NONE);
}

/* Rows of a root port, PCI Express at 40, ACS at 100; `header` and `control` are put in. */
static char *bytes_text(const char *header, const char *control, bool extended)
{
        char *text = NULL;

        if (asprintf(&text,
                     "00:1c.0 PCI bridge: A\n\tStatus: Cap+\n"
                     "\tCapabilities: [40] Express (v2) Downstream Port (Slot+), MSI 00\n"
                     "\tCapabilities: [200 v1] Access Control Services\n"
                     "\t\tACSCap:\tSrcValid+ ReqRedir- CmpltRedir- UpstreamFwd-\n"
                     "\t\tACSCtl:\tSrcValid- ReqRedir- CmpltRedir- UpstreamFwd-\n"
                     "00: 86 80 01 19 07 04 10 00 07 00 04 06 10 00 %s 00\n"
                     "10: 00 00 00 00 00 00 00 00 00 05 07 00 e0 e0 00 20\n"
                     "20: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
                     "30: 00 00 00 00 40 00 00 00 00 00 00 00 ff 01 1a 00\n"
                     "40: 10 00 42 01 00 00 00 00 00 00 00 00 00 00 00 00\n"
                     "%s%s%s",
                     header, extended ? "100: 0d 00 01 00 1f 00 " : "", extended ? control : "",
                     extended ? " 00 00 00 00 00 00 00 00 00\n" : "") < 0)
                abort();
        return text;
}

static void test_bytes(void)
{
        _cleanup_(freep) char *text = bytes_text("81", "1d", true);
        _cleanup_(snapshot_freep) Snapshot *snapshot = read_text(text);
        const PciDevice *device;

        if (!CHECK(snapshot && snapshot->n_devices == 1))
                return;
        device = &snapshot->devices[0];
        CHECK_NUMBER(device->ids.vendor, 0x8086);
        CHECK_NUMBER(device->ids.device, 0x1901);
        CHECK_NUMBER(device->ids.class_code, 0x060400);
        CHECK_NUMBER(device->facts.pcie_type, PCIE_TYPE_ROOT_PORT);
        /* The header's bit is set, but the text shows no other function: it may be a part. */
        CHECK(device->facts.multifunction_bit == TRISTATE_UNKNOWN);
        CHECK_NUMBER(device->facts.acs.offset, 0x100);
        CHECK_NUMBER(device->facts.acs.ctrl, 0x1d);
        CHECK_NUMBER(device->facts.secondary_bus, 5);
        CHECK_NUMBER(device->facts.subordinate_bus, 7);
}

/* Beyond the bytes, the words count. */
static void test_few_bytes(void)
{
        _cleanup_(freep) char *text = bytes_text("01", "", false);
        _cleanup_(snapshot_freep) Snapshot *snapshot = read_text(text);

        if (!CHECK(snapshot && snapshot->n_devices == 1))
                return;
        CHECK_NUMBER(snapshot->devices[0].facts.pcie_type, PCIE_TYPE_ROOT_PORT);
        CHECK_NUMBER(snapshot->devices[0].facts.acs.offset, 0x200);
        CHECK_NUMBER(snapshot->devices[0].facts.acs.ctrl, 0);
        CHECK(snapshot->devices[0].facts.multifunction_bit == TRISTATE_NO);
}

static void test_only_bytes(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot =
                read_text("00:1c.0 0604: 8086:1901\n"
                          "00: 86 80 01 19 07 04 10 00 07 00 04 06 10 00 01 00\n"
                          "10: 00 00 00 00 00 00 00 00 00 05 07 00 e0 e0 00 20\n"
                          "20: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
                          "30: 00 00 00 00 40 00 00 00 00 00 00 00 ff 01 1a 00\n"
                          "00:1d.0 0200: 8086:1234\n"
                          "00: ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff\n");

        if (!CHECK(snapshot && snapshot->n_devices == 2))
                return;
        CHECK_NUMBER(snapshot->devices[0].facts.present, TRISTATE_YES);
        CHECK_NUMBER(snapshot->devices[0].facts.pcie, TRISTATE_UNKNOWN);
        CHECK_NUMBER(snapshot->devices[0].facts.acs.present, TRISTATE_UNKNOWN);
        CHECK_NUMBER(snapshot->devices[1].facts.present, TRISTATE_NO);
}

/* Root ports whose control lspci shows wrongly: on a machine with groups the kernel has set it. */
static void test_dword_ports(void)
{
        static const char *const titles[] = {
                "Intel Corporation Sunrise Point-LP PCI Express Root Port #1 (rev f1)",
                "Intel Corporation Sunrise Point-LP PCI Express Root Port #1 [8086:9d10] (rev f1)",
                "Intel Corporation Made Up Root Port [8086:abcd]",
        };

        /* No IOMMU in use; one, and the kernel took the port to redirect; one, and it did not. */
        static const char *const groups[][2] = {
                {"", ""},
                {"\tIOMMU group: 8\n", "\tIOMMU group: 9\n"},
                {"\tIOMMU group: 8\n", "\tIOMMU group: 8\n"},
        };

        for (size_t i = 0; i < 3 * ARRAY_SIZE(titles); i++) {
                bool wanted = i % 3 == 1 && i / 3 < 2;
                _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
                char text[1024];

                (void)snprintf(text, sizeof(text),
                               "00:1c.0 PCI bridge: %s\n"
                               "%s\tBus: primary=00, secondary=01, subordinate=01\n"
                               "\tStatus: Cap+\n"
                               "\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n"
                               "\tCapabilities: [140 v1] Access Control Services\n"
                               "\t\tACSCap:\tSrcValid+ TransBlk+ ReqRedir+ CmpltRedir+ "
                               "UpstreamFwd+\n"
                               "\t\tACSCtl:\tSrcValid- TransBlk- ReqRedir- CmpltRedir- "
                               "UpstreamFwd-\n"
                               "01:00.0 USB controller: A\n\tStatus: Cap+\n%s",
                               titles[i / 3], groups[i % 3][0], groups[i % 3][1]);
                snapshot = read_text(text);
                if (!CHECK(snapshot))
                        continue;
                CHECK_NUMBER(acs_isolated(snapshot, 0, NULL), wanted);
                CHECK_NUMBER(snapshot->devices[0].facts.redirect_inferred, wanted);
        }
}

/* Root ports that redirect because of a register: words never show it, bytes do. */
static void test_pch_ports(void)
{
        static const char text[] =
                "00:1c.0 PCI bridge: Intel Corporation A [8086:1d10]\n%s"
                "\tBus: primary=00, secondary=01, subordinate=01\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n"
                "01:00.0 USB controller: A [8086:1234]\n\tIOMMU group: 9\n\tStatus: Cap+\n";
        static const char *const groups[] = {"", "\tIOMMU group: 9\n", "\tIOMMU group: 8\n"};

        for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
                _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
                char whole[1024];

                (void)snprintf(whole, sizeof(whole), text, groups[i]);
                snapshot = read_text(whole);
                if (!CHECK(snapshot && snapshot->n_devices == 2))
                        continue;
                CHECK_NUMBER(acs_isolated(snapshot, 0, NULL), i == 2);
                CHECK_NUMBER(snapshot->devices[0].facts.redirect_inferred, i == 2);
                CHECK_STRING(quirk_unread_register(&snapshot->devices[0]), "MPC at D8h");
        }
}

static void test_iommu(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = read_text(
                "00:00.0 Host bridge: Advanced Micro Devices, Inc. [AMD] A\n\tStatus: Cap-\n"
                "00:00.2 IOMMU: Advanced Micro Devices, Inc. [AMD] A\n\tStatus: Cap-\n"
                "00:01.0 USB controller: A\n\tStatus: Cap-\n\tIOMMU group: 0\n");

        if (!CHECK(snapshot && snapshot->n_devices == 3))
                return;
        CHECK_NUMBER(snapshot->ivrs, TRISTATE_YES);
        CHECK_NUMBER(snapshot->devices[0].sysfs.iommu_kind, IOMMU_KIND_NONE);
        CHECK_NUMBER(snapshot->devices[2].sysfs.iommu_kind, IOMMU_KIND_IVHD);
}

int main(void)
{
        static const TapTest tests[] = {
                {"parents by bus numbers", test_parents},
                {"below a bridge that nobody knows", test_unknown_bridge},
                {"forged bus numbers", test_forged},
                {"virtual functions", test_vfs},
                {"VMD domains", test_vmd},
                {"VMD domains by group", test_vmd_groups},
                {"bytes decide", test_bytes},
                {"words say what bytes do not reach", test_few_bytes},
                {"only bytes", test_only_bytes},
                {"root ports with dword registers", test_dword_ports},
                {"root ports with a register of their own", test_pch_ports},
                {"which IOMMU", test_iommu},
        };

        return tap_run(tests);
}
