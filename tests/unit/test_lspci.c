/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Text as lspci prints it and as people paste it: the facts that are read, and those that stay
 * unknown.
 */

#include "core/model/groups.h"
#include "core/model/quirks.h"
#include "core/probe/lspci.h"
#include "tap.h"
#include "topology.h"

#include <errno.h>

#define ALL_ON "SrcValid+ TransBlk- ReqRedir+ CmpltRedir+ UpstreamFwd+ EgressCtrl- DirectTrans-\n"

static Snapshot *read_text(const char *text)
{
        Snapshot *snapshot = NULL;

        CHECK_NUMBER(lspci_read(text, strlen(text), &snapshot), 0);
        return snapshot;
}

static const PciDevice *device_at(const Snapshot *snapshot, const char *bdf)
{
        return &snapshot->devices[topology_find(snapshot, bdf)];
}

static const char root_port[] =
        "00:1c.0 PCI bridge [0604]: Intel Corporation Made Up Root Port [8086:abcd] (rev f1) "
        "(prog-if 01 [Subtractive decode])\n"
        "\tSubsystem: Made Up Machines Board [1028:0a1b]\n"
        "\tControl: I/O+ Mem+ BusMaster+\n"
        "\tStatus: Cap+ 66MHz-\n"
        "\tIOMMU group: 3\n"
        "\tBus: primary=00, secondary=0a, subordinate=1f, sec-latency=0\n"
        "\tCapabilities: [40] Express (v2) Root Port (Slot+), IntMsgNum 0\n"
        "\t\tDevCap:\tMaxPayload 256 bytes, PhantFunc 0\n"
        "\t\t\tExtTag- RBE+\n"
        "\tCapabilities: [140 v1] Access Control Services\n"
        "\t\tACSCap:\tSrcValid+ TransBlk+ ReqRedir+ CmpltRedir+ UpstreamFwd- EgressCtrl- "
        "DirectTrans-\n"
        "\t\tACSCtl:\tSrcValid+ TransBlk- ReqRedir+ CmpltRedir- UpstreamFwd- EgressCtrl- "
        "DirectTrans-\n"
        "\tKernel driver in use: pcieport\n";

static void test_words(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = read_text(root_port);
        const PciDevice *device;

        if (!CHECK(snapshot && snapshot->n_devices == 1))
                return;
        device = &snapshot->devices[0];
        CHECK_NUMBER(device->ids.vendor, 0x8086);
        CHECK_NUMBER(device->ids.device, 0xabcd);
        CHECK_NUMBER(device->ids.subsystem_vendor, 0x1028);
        CHECK_NUMBER(device->ids.subsystem_device, 0x0a1b);
        CHECK_NUMBER(device->ids.class_code, 0x060401);
        CHECK_NUMBER(device->kernel_group, 3);
        CHECK_STRING(device->sysfs.driver, "pcieport");
        CHECK(!device->place.has_parent);
        CHECK_NUMBER(device->facts.header_type, 1);
        CHECK_NUMBER(device->facts.pcie, TRISTATE_YES);
        CHECK_NUMBER(device->facts.pcie_type, PCIE_TYPE_ROOT_PORT);
        CHECK_NUMBER(device->facts.acs.present, TRISTATE_YES);
        CHECK_NUMBER(device->facts.acs.offset, 0x140);
        CHECK_NUMBER(device->facts.acs.cap, ACS_SV | ACS_TB | ACS_RR | ACS_CR);
        CHECK_NUMBER(device->facts.acs.ctrl, ACS_SV | ACS_RR);
        CHECK_NUMBER(device->facts.acs.dword4, 0x0005000f);
        CHECK_NUMBER(device->facts.buses_known, TRISTATE_YES);
        CHECK_NUMBER(device->facts.secondary_bus, 0x0a);
        CHECK_NUMBER(device->facts.subordinate_bus, 0x1f);
        CHECK_NUMBER(device->facts.caps.ari, TRISTATE_NO);
        CHECK_NUMBER(device->facts.caps.ats_enabled, TRISTATE_NO);
        CHECK_NUMBER(device->facts.caps.flr, TRISTATE_NO);
        CHECK_NUMBER(device->facts.serial, TRISTATE_NO);
        CHECK_NUMBER(snapshot->kernel_release[0], '\0');
}

static void test_capabilities(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = read_text(
                "0001:02:00.0 Ethernet controller: Made Up Networks Adapter\n"
                "\tPhysical Slot: Slot 4\n"
                "\tFlags: bus master, fast devsel, latency 0, IRQ 16, IOMMU group 12\n"
                "\tCapabilities: [a0] Express Endpoint, IntMsgNum 0\n"
                "\t\tDevCap:\tMaxPayload 512 bytes\n\t\t\tExtTag- FLReset+ SlotPowerLimit 0W\n"
                "\t\tDevCtl:\n\t\t\tRlxdOrd- ExtTag+ FLReset-\n"
                "\tCapabilities: [140 v1] Device Serial Number 00-11-22-ff-fe-33-44-55\n"
                "\tCapabilities: [150 v1] Alternative Routing-ID Interpretation (ARI)\n"
                "\tCapabilities: [1b0 v1] Address Translation Service (ATS)\n"
                "\t\tATSCap:\tInvalidate Queue Depth: 00\n\t\tATSCtl:\tEnable+, Smallest\n"
                "\tCapabilities: [1c0 v1] Page Request Interface (PRI)\n"
                "\tCapabilities: [1d0 v1] Process Address Space ID (PASID)\n"
                "0001:02:00.1 Ethernet controller: Made Up Networks Adapter\n"
                "\tStatus: Cap-\n");
        const PciDevice *device;

        if (!CHECK(snapshot && snapshot->n_devices == 2))
                return;
        device = &snapshot->devices[0];
        CHECK_NUMBER(device->ids.vendor, 0);
        CHECK_NUMBER(device->ids.class_code, 0x020000);
        CHECK_NUMBER(device->kernel_group, 12);
        CHECK_NUMBER(device->facts.caps.flr, TRISTATE_YES);
        CHECK_NUMBER(device->facts.caps.hotplug_slot, TRISTATE_NO);
        CHECK_NUMBER(device->facts.serial, TRISTATE_YES);
        CHECK(device->facts.serial_number == 0x001122fffe334455);
        CHECK_NUMBER(device->facts.caps.ari, TRISTATE_YES);
        CHECK_NUMBER(device->facts.caps.ats, TRISTATE_YES);
        CHECK_NUMBER(device->facts.caps.ats_enabled, TRISTATE_YES);
        CHECK_NUMBER(device->facts.caps.pri, TRISTATE_YES);
        CHECK_NUMBER(device->facts.caps.pasid, TRISTATE_YES);
        CHECK_NUMBER(device->facts.caps.sriov, TRISTATE_NO);
        CHECK_NUMBER(device->multifunction, TRISTATE_YES);
        CHECK_NUMBER(snapshot->devices[1].facts.pcie, TRISTATE_NO);
        CHECK_NUMBER(snapshot->devices[1].facts.acs.present, TRISTATE_NO);
        if (CHECK_NUMBER(snapshot->n_slots, 1))
                CHECK_STRING(snapshot->slots[0].name, "Slot 4");
}

static void test_slots(void)
{
        static const struct {
                const char *text;
                Tristate slot;
        } rows[] = {
                {"[40] Express (v2) Root Port (Slot-), MSI 00", TRISTATE_NO},
                {"[40] Express (v2) Root Port (Slot+), MSI 00", TRISTATE_UNKNOWN},
                {"[40] Express (v2) Downstream Port (Slot+), MSI 00\n"
                 "\t\tSltCap:\tAttnBtn- PwrCtrl- MRL- AttnInd- PwrInd- HotPlug+ Surprise-",
                 TRISTATE_YES},
                {"[40] Express (v2) Root Port (Slot+), MSI 00\n"
                 "\t\tSltCap:\tAttnBtn+ PwrCtrl- MRL- AttnInd- PwrInd- HotPlug- Surprise-\n"
                 "\t\tSltCtl:\tEnable: AttnBtn- PwrFlt- MRL- PresDet- CmdCplt- HPIrq+ LinkChg+",
                 TRISTATE_NO},
                {"[40] Express (v2) Upstream Port, MSI 00", TRISTATE_NO},
                {"[40] Express (v1) PCI-Express to PCI/PCI-X Bridge, MSI 00", TRISTATE_NO},
                {"[40] Express (v1) PCI-Express to PCI/PCI-X Bridge, MSI 00\n"
                 "\tCapabilities: [78] Hot-plug capable",
                 TRISTATE_YES},
                {"[78] #0c [0004]\n\tCapabilities: [80] Power Management version 2", TRISTATE_YES},
                {"[80] Power Management version 2", TRISTATE_NO},
                {"<access denied>", TRISTATE_UNKNOWN},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
                char text[512];

                (void)snprintf(text, sizeof(text),
                               "00:1c.0 PCI bridge: A\n"
                               "\tBus: primary=00, secondary=0a, subordinate=1f, sec-latency=0\n"
                               "\tCapabilities: %s\n"
                               "\tKernel driver in use: pcieport\n",
                               rows[i].text);
                snapshot = read_text(text);
                if (CHECK(snapshot && snapshot->n_devices == 1))
                        CHECK_NUMBER(snapshot->devices[0].facts.caps.hotplug_slot, rows[i].slot);
        }
}

static void test_types(void)
{
        static const struct {
                const char *text;
                int type; /* -1: not known */
        } rows[] = {
                {"Express (v2) Endpoint, MSI 00", PCIE_TYPE_ENDPOINT},
                {"Express (v1) Legacy Endpoint, MSI 00", PCIE_TYPE_LEGACY_ENDPOINT},
                {"Express Root Port (Slot-), IntMsgNum 0", PCIE_TYPE_ROOT_PORT},
                {"Express (v2) Upstream Port, MSI 00", PCIE_TYPE_UPSTREAM},
                {"Express (v2) Downstream Port (Slot+), MSI 00", PCIE_TYPE_DOWNSTREAM},
                {"Express (v1) PCI-Express to PCI/PCI-X Bridge, MSI 00", PCIE_TYPE_PCIE_TO_PCI},
                {"Express (v1) PCI/PCI-X Bridge, MSI 00", PCIE_TYPE_PCIE_TO_PCI},
                {"Express (v1) PCI/PCI-X to PCI-Express Bridge, MSI 00", PCIE_TYPE_PCI_TO_PCIE},
                {"Express (v2) Root Complex Integrated Endpoint, MSI 00", PCIE_TYPE_RC_ENDPOINT},
                {"Express (v2) Root Complex Event Collector, MSI 00", PCIE_TYPE_RC_EVENT_COLLECTOR},
                {"Express (v2) Unknown type 12, MSI 00", 12},
                {"Express (v2) Something New, MSI 00", -1},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char text[256];
                _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;

                (void)snprintf(text, sizeof(text),
                               "00:02.0 Bridge: A\n\tStatus: Cap+\n\tCapabilities: [40] %s\n",
                               rows[i].text);
                snapshot = read_text(text);
                if (!CHECK(snapshot))
                        return;
                CHECK_NUMBER(snapshot->devices[0].facts.pcie,
                             rows[i].type < 0 ? TRISTATE_UNKNOWN : TRISTATE_YES);
                if (rows[i].type >= 0)
                        CHECK_NUMBER(snapshot->devices[0].facts.pcie_type, rows[i].type);
        }
}

/* The same machine however it was pasted. */
static void test_pasted(void)
{
        static const char *const texts[] = {
                "$ sudo lspci -vv\nxx:yy.z junk\n\n> 00:1c.0 PCI bridge: A\n> \tStatus: Cap+\r\n"
                ">\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0\n"
                "> \tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n"
                "> \tCapabilities: [140 v1] Access Control Services\n>\t\tACSCap:\t" ALL_ON
                ">\t\tACSCtl:\t" ALL_ON,
                "\xef\xbb\xbf    00:1c.0 PCI bridge: A\n    Status: Cap+\n"
                "    Bus:\xc2\xa0primary=00, secondary=01, subordinate=01,\n    sec-latency=0\n"
                "    Capabilities: [40] Express (v2)\n    Root Port (Slot+), MSI 00\n"
                "    Capabilities: [140 v1] Access\nControl Services\nACSCap: SrcValid+ "
                "TransBlk-\nReqRedir+ CmpltRedir+\nUpstreamFwd+\nACSCtl: SrcValid+ TransBlk- "
                "ReqRedir+\nCmpltRedir+ UpstreamFwd+",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                _cleanup_(snapshot_freep) Snapshot *snapshot = read_text(texts[i]);

                if (!CHECK(snapshot && snapshot->n_devices == 1))
                        continue;
                CHECK_NUMBER(snapshot->devices[0].facts.pcie_type, PCIE_TYPE_ROOT_PORT);
                CHECK_NUMBER(snapshot->devices[0].facts.secondary_bus, 1);
                CHECK(acs_isolated(snapshot, 0, NULL));
        }
}

static void test_unknown(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = read_text(
                "00:1c.0 PCI bridge: Intel Corporation Device abcd\n\tControl: I/O+\n"
                "\tStatus: Cap+\n\tBus: primary=00, secondary=01, subordinate=01\n"
                "\tCapabilities: <access denied>\n"
                "00:1d.0 PCI bridge: A\n\tFlags: fast devsel\n"
                "\tCapabilities: [40] Express Root Port (Slot-), MSI 00\n"
                "\tCapabilities: [140] Access Control Services\n"
                "00:1e.0 Ethernet controller: B\n"
                "00:1f.0 Ethernet controller: C\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express Endpoint, MSI 00\n"
                "\tCapabilities: [100] Vendor Specific Information: ID=0001 <chain looped>\n");
        const PciDevice *devices;

        if (!CHECK(snapshot && snapshot->n_devices == 4))
                return;
        devices = snapshot->devices;
        CHECK_NUMBER(devices[0].ids.vendor, 0x8086);
        CHECK_NUMBER(devices[0].ids.device, 0xabcd);
        CHECK_NUMBER(devices[0].facts.pcie, TRISTATE_UNKNOWN);
        CHECK_NUMBER(devices[0].facts.acs.present, TRISTATE_UNKNOWN);
        CHECK_NUMBER(devices[0].facts.buses_known, TRISTATE_YES);
        CHECK_NUMBER(devices[1].facts.pcie_type, PCIE_TYPE_ROOT_PORT);
        CHECK_NUMBER(devices[1].facts.acs.present, TRISTATE_UNKNOWN);
        CHECK_NUMBER(devices[1].facts.caps.ari, TRISTATE_NO);
        CHECK_NUMBER(devices[2].facts.present, TRISTATE_UNKNOWN);
        CHECK_NUMBER(devices[2].facts.header_known, TRISTATE_UNKNOWN);
        CHECK_NUMBER(devices[3].facts.acs.present, TRISTATE_UNKNOWN);
        CHECK_NUMBER(devices[3].facts.caps.ari, TRISTATE_UNKNOWN);
        for (size_t i = 0; i < snapshot->n_devices; i++)
                CHECK(!acs_isolated(snapshot, i, NULL) || i == 3);
}

/* A rule for an id does not apply to a device whose id is unknown. */
static void test_no_ids(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = read_text(
                "00:02.0 Ethernet controller: Made Up Adapter\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express Root Complex Integrated Endpoint, MSI 00\n"
                "00:02.1 Ethernet controller: Made Up Adapter\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express Root Complex Integrated Endpoint, MSI 00\n"
                "00:03.0 Audio device: Intel Corporation Made Up Audio\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express Root Complex Integrated Endpoint, MSI 00\n"
                "00:03.1 Audio device: Intel Corporation Made Up Audio\n\tStatus: Cap+\n"
                "\tCapabilities: [40] Express Root Complex Integrated Endpoint, MSI 00\n");
        AliasMask mask;

        if (!CHECK(snapshot && snapshot->n_devices == 4))
                return;
        for (size_t i = 0; i < 2; i++) {
                CHECK_NUMBER(quirk_acs(snapshot, i, NULL), QUIRK_NO_OPINION);
                CHECK(!acs_isolated(snapshot, i, NULL));
                CHECK(!quirk_alias_mask(&snapshot->devices[i], &mask));
        }
        /* A rule that tests only the vendor needs only the vendor's name. */
        CHECK_NUMBER(snapshot->devices[2].ids.vendor, 0x8086);
        CHECK_NUMBER(snapshot->devices[2].ids.device, 0);
        CHECK_NUMBER(quirk_acs(snapshot, 2, NULL), QUIRK_ISOLATED);
}

static void test_numbers(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot =
                read_text("00:00.0 0600: 8086:29c0\n00:01.0 Class 0604: 8086:1901 (rev 07)\n"
                          "00:02.0 Device 1234: Device 1234:5678 (rev 01)\n"
                          "10000:e0:06.0 0604: 8086:9a0f\n");

        if (!CHECK(snapshot && snapshot->n_devices == 4))
                return;
        CHECK_NUMBER(snapshot->devices[0].ids.class_code, 0x060000);
        CHECK_NUMBER(snapshot->devices[0].ids.device, 0x29c0);
        CHECK_NUMBER(snapshot->devices[1].ids.class_code, 0x060400);
        CHECK_NUMBER(snapshot->devices[1].ids.device, 0x1901);
        CHECK_NUMBER(snapshot->devices[2].ids.vendor, 0x1234);
        CHECK_NUMBER(snapshot->devices[3].bdf.domain, 0x10000);
}

/* Titles are long, and mail programs wrap lines. */
static void test_wrapped_title(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = read_text(
                "> 00:02.0 Ethernet controller [0200]: Made Up\n"
                "> Networks Adapter [1234:5678]\n> (rev 03)\n> \tSubsystem: A [1111:2222]\n"
                "00:03.0 Ethernet controller [0200]:\nMade Up Networks [1234:9abc]\n"
                "Control: I/O+ [1111:2222]\n"
                "00:04.0 Bridge: A\n    Subsystem: B [1111:2222]\n");

        if (!CHECK(snapshot && snapshot->n_devices == 3))
                return;
        CHECK_NUMBER(snapshot->devices[0].ids.device, 0x5678);
        CHECK_NUMBER(snapshot->devices[0].ids.subsystem_device, 0x2222);
        CHECK_NUMBER(snapshot->devices[1].ids.device, 0x9abc);
        CHECK_NUMBER(snapshot->devices[1].ids.class_code, 0x020000);
        CHECK_NUMBER(snapshot->devices[2].ids.device, 0);
        CHECK_NUMBER(snapshot->devices[2].ids.subsystem_vendor, 0x1111);
}

static void test_nothing(void)
{
        static const char *const texts[] = {"",
                                            "\n\n",
                                            "hello\n",
                                            "00:1f.9 Audio device: A\n",
                                            "12:34:56.7 said: hello\n",
                                            "00:00.0\n",
                                            "\0"};

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                Snapshot *snapshot = NULL;

                CHECK_NUMBER(lspci_read(texts[i], strlen(texts[i]), &snapshot), LSPCI_E_NO_DEVICES);
                CHECK(!snapshot);
        }
}

static void test_twice(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        char text[sizeof(root_port) * 2 + 256];

        (void)snprintf(text, sizeof(text),
                       "00:1c.0 PCI bridge: Intel Corporation Made Up Root Port (rev f1)\n"
                       "%s00:1c.0 0604: 8086:abcd\n",
                       root_port);
        snapshot = read_text(text);
        if (!CHECK(snapshot && snapshot->n_devices == 1))
                return;
        CHECK_NUMBER(snapshot->devices[0].ids.device, 0xabcd);
        CHECK_NUMBER(snapshot->devices[0].facts.acs.present, TRISTATE_YES);
        CHECK_NUMBER(device_at(snapshot, "00:1c.0")->kernel_group, 3);
}

int main(void)
{
        static const TapTest tests[] = {
                {"a function in words", test_words},
                {"capabilities", test_capabilities},
                {"slots for hot-plug", test_slots},
                {"types of PCI Express functions", test_types},
                {"pasted in other ways", test_pasted},
                {"what is not told is unknown", test_unknown},
                {"without ids", test_no_ids},
                {"numbers only", test_numbers},
                {"titles that are wrapped", test_wrapped_title},
                {"no lspci", test_nothing},
                {"a function that is there twice", test_twice},
        };

        return tap_run(tests);
}
