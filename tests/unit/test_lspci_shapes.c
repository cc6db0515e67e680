/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * lspci's output for programs, as a tree and with paths: the names and places that each form tells.
 */

#include "lspci_text.h"

#include "topology.h"

static void check_port(const Snapshot *snapshot)
{
        const PciDevice *device = &snapshot->devices[topology_find(snapshot, "00:01.0")];

        CHECK_NUMBER(device->ids.vendor, 0x8086);
        CHECK_NUMBER(device->ids.device, 0x1901);
        CHECK_NUMBER(device->ids.class_code, 0x060401);
        CHECK_NUMBER(device->ids.subsystem_vendor, 0x1028);
        CHECK_NUMBER(device->ids.subsystem_device, 0x06b9);
        CHECK_NUMBER(device->facts.header_known, TRISTATE_UNKNOWN);
}

static void test_records(void)
{
        static const char *const texts[] = {
                /* -vmmnnk */
                "Slot:\t00:01.0\nClass:\tPCI bridge [0604]\nVendor:\tIntel Corporation [8086]\n"
                "Device:\tMade Up Port [1901]\nSVendor:\tDell [1028]\nSDevice:\tBoard "
                "[06b9]\nRev:\t07\n"
                "ProgIf:\t01\nPhySlot:\t4\nDriver:\tpcieport\nModule:\tx\nNUMANode:\t0\nIOMMUGroup:"
                "\t1\n\n"
                "Slot:\t01:00.0\nClass:\tVGA compatible controller [0300]\nVendor:\tMade Up "
                "[1234]\n"
                "Device:\tCard [1b80]\nIOMMUGroup:\t1\n\n",
                /* -D, with spaces, quoted, and no line between */
                "> Slot:           0000:00:01.0\n> Class:          PCI bridge [0604]\n"
                "> Vendor:         Intel Corporation [8086]\n> Device:         Made Up Port "
                "[1901]\n"
                "> SVendor:        Dell [1028]\n> SDevice:        Board [06b9]\n> ProgIf:         "
                "01\n"
                "> PhySlot:        4\n> Driver:         pcieport\n> IOMMUGroup:     1\n"
                "> Slot:           0000:01:00.0\n> Class:          0300\n> Vendor:         1234\n"
                "> Device:         1b80\n> IOMMUGroup:     1\n",
                /* -vmn */
                "Device:\t00:01.0\nClass:\t0604\nVendor:\t8086\nDevice:\t1901\nSVendor:\t1028\n"
                "SDevice:\t06b9\nProgIf:\t01\nPhySlot:\t4\nDriver:\tpcieport\nIOMMUGroup:\t1\n\n"
                "Device:\t01:00.0\nClass:\t0300\nVendor:\t1234\nDevice:\t1b80\nIOMMUGroup:\t1\n",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                _cleanup_(freep) char *message = NULL;
                _cleanup_(snapshot_freep) Snapshot *snapshot =
                        lspci_text_read(texts[i], NULL, NULL, &message);
                char groups[256];

                if (!CHECK(snapshot && snapshot->n_devices == 2))
                        continue;
                CHECK_STRING(lspci_text_groups(snapshot, groups, sizeof(groups)),
                             "00:01.0=1 01:00.0=1");
                check_port(snapshot);
                CHECK_STRING(snapshot->devices[0].sysfs.driver, "pcieport");
                CHECK_NUMBER(snapshot->devices[1].ids.device, 0x1b80);
                CHECK_NUMBER(snapshot->devices[1].ids.class_code, 0x030000);
                CHECK_STRING(topology_above(snapshot, "01:00.0"), "?");
                if (CHECK_NUMBER(snapshot->n_slots, 1))
                        CHECK_STRING(snapshot->slots[0].name, "4");
        }
}

static void test_quoted(void)
{
        static const char *const texts[] = {
                "00:01.0 \"PCI bridge [0604]\" \"Intel Corporation [8086]\" \"Made \\\"Up\\\" "
                "[1901]\" "
                "-rf1 -p01 \"Dell [1028]\" \"Board [06b9]\"\n",
                "00:01.0 \"0604\" \"8086\" \"1901\" -rf1 -p01 \"1028\" \"06b9\"\n",
                ("0000:00:01.0 \342\200\234PCI bridge [0604]\342\200\235 "
                 "\342\200\234Intel [8086]\342\200\235 \342\200\234X [1901]\342\200\235 -p01 "
                 "\342\200\234Dell [1028]\342\200\235 \342\200\234Board [06b9]\342\200\235\n"),
                "IOMMU Group 1 00:01.0 \"PCI bridge [0604]\" \"Intel [8086]\" \"X [1901]\" -p01 "
                "\"Dell [1028]\" \"Board [06b9]\"\n",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                _cleanup_(freep) char *message = NULL;
                _cleanup_(snapshot_freep) Snapshot *snapshot =
                        lspci_text_read(texts[i], NULL, NULL, &message);

                if (CHECK(snapshot && snapshot->n_devices == 1)) {
                        check_port(snapshot);
                        CHECK_NUMBER(snapshot->devices[0].kernel_group,
                                     i == 3 ? 1 : KERNEL_GROUP_UNKNOWN);
                }
        }
}

static void test_tree(void)
{
        static const char *const texts[] = {
                "-+-[0000:80]-+-05.0\n"
                " |           \\-05.4\n"
                " \\-[0000:00]-+-00.0\n"
                "             +-01.0-[01-02]----00.0-[02]--+-00.0\n"
                "             |                            \\-00.1\n"
                "             +-1c.0-[03]--\n"
                "             \\-1f.0\n",
                "> -+-[0000:80]-+-05.0  Intel Corporation A\n"
                ">  |           \\-05.4  Intel Corporation B\n"
                ">  \\-[0000:00]-+-00.0  Intel Corporation C [8086:3e30]\n"
                ">              +-01.0-[01-02]----00.0-[02]--+-00.0  Made Up - D\n"
                ">              |                            \\-00.1  Made Up +-00.0\n"
                ">              +-1c.0-[03]--\n"
                ">              \\-1f.0  Intel Corporation E\n",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                _cleanup_(freep) char *message = NULL;
                _cleanup_(snapshot_freep) Snapshot *snapshot =
                        lspci_text_read(texts[i], NULL, NULL, &message);
                const PciDevice *port;

                if (!CHECK(snapshot && snapshot->n_devices == 9))
                        continue;
                /* lspci shows a bus here that it knows no bridge to. */
                CHECK_STRING(topology_above(snapshot, "80:05.4"), "?");
                CHECK_STRING(topology_above(snapshot, "00:00.0"), "root");
                CHECK_STRING(topology_above(snapshot, "00:1f.0"), "root");
                CHECK_STRING(topology_above(snapshot, "01:00.0"), "0000:00:01.0");
                CHECK_STRING(topology_above(snapshot, "02:00.0"), "0000:01:00.0");
                CHECK_STRING(topology_above(snapshot, "02:00.1"), "0000:01:00.0");
                port = &snapshot->devices[topology_find(snapshot, "00:01.0")];
                CHECK_NUMBER(port->facts.secondary_bus, 1);
                CHECK_NUMBER(port->facts.subordinate_bus, 2);
                CHECK_NUMBER(port->facts.pcie, TRISTATE_UNKNOWN);
                CHECK_NUMBER(port->facts.acs.present, TRISTATE_UNKNOWN);
                CHECK_NUMBER(port->kernel_group, KERNEL_GROUP_UNKNOWN);
                CHECK_NUMBER(snapshot->devices[0].ids.device, i == 0 ? 0 : 0x3e30);
        }
        lspci_text_check("several buses of a bridge",
                         "-[0000:00]-+-00.0\n"
                         "           +-02.0-+-[0000:04]-+-10.0\n"
                         "           |      |           \\-10.2\n"
                         "           |      \\-[0000:03]-+-00.0\n"
                         "           |                  \\-00.1\n"
                         "           \\-1f.0\n",
                         NULL,
                         "00:00.0=- 00:02.0=- 00:1f.0=- 03:00.0=- 03:00.1=- 04:10.0=- 04:10.2=-");
        lspci_text_check("one root bus", "-[0000:00]-+-00.0\n           \\-02.0\n", NULL,
                         "00:00.0=- 00:02.0=-");
        lspci_text_check("one function", "-[0000:00]---00.0\n", NULL, "00:00.0=-");
        lspci_text_check("beside groups", "-[0000:00]-+-00.0\n           \\-01.0-[01]----00.0\n",
                         "IOMMU Group 1 00:01.0\nIOMMU Group 1 01:00.0\n",
                         "00:00.0=- 00:01.0=1 01:00.0=1");
}

/* Only spaces show a tree's levels. */
static void test_broken_tree(void)
{
        lspci_text_check_refused("-[0000:00]-+-00.0\n +-01.0-[01]----00.0\n", NULL,
                                 "t:2: the branches of this tree");
        /* A line is missing in front of the last. */
        lspci_text_check_refused("-[0000:00]-+-01.0-[01]--+-00.0\n"
                                 "           |            \\-00.1\n"
                                 "           |            \\-00.1\n",
                                 NULL, "t:3: the branches of this tree");
        lspci_text_check_refused("+-01.0-[01]----00.0\n\\-1f.0\n", NULL,
                                 "t:1: the branches of this tree");
        lspci_text_check_refused("-[0000:00]-+-00.0\n           +-01.0-[0x]----00.0\n", NULL,
                                 "t:2: the branches of this tree");
        lspci_text_check_refused("-[0000:00]-+-00.0\n           +-01.0-[02-01]----00.0\n", NULL,
                                 "t:2: the branches of this tree");
}

static void test_paths(void)
{
        _cleanup_(freep) char *message = NULL;
        _cleanup_(snapshot_freep) Snapshot *snapshot = lspci_text_read(
                "00:06.0 PCI bridge [0604]: Intel Corporation A [8086:464d] (rev 02)\n"
                "00:06.0/02:00.0 PCI bridge [0604]: Made Up B [1c5c:1959]\n"
                "00:06.0/02:00.0/04:00.0 Non-Volatile memory controller [0108]: Made Up C "
                "[1c5c:1960]\n"
                "10000:e0:06.0/e1:00.0 Non-Volatile memory controller [0108]: Made Up D "
                "[1c5c:1961]\n",
                NULL, NULL, &message);

        if (!CHECK(snapshot && snapshot->n_devices == 5))
                return;
        CHECK_STRING(topology_above(snapshot, "00:06.0"), "root");
        CHECK_STRING(topology_above(snapshot, "02:00.0"), "0000:00:06.0");
        CHECK_STRING(topology_above(snapshot, "04:00.0"), "0000:02:00.0");
        CHECK_STRING(topology_above(snapshot, "10000:e1:00.0"), "10000:e0:06.0");
        CHECK_NUMBER(snapshot->devices[0].ids.device, 0x464d);
        CHECK_NUMBER(snapshot->devices[2].ids.device, 0x1960);
        lspci_text_check_refused("00:06.0 PCI bridge: A\n00:06.0/00.0 USB controller: B\n", NULL,
                                 "t:2: lspci -P leaves out the bus numbers");
        lspci_text_check_refused("00:06.0 PCI bridge: A\n\tBus: primary=00, secondary=03, "
                                 "subordinate=04\n00:06.0/02:00.0 USB controller: B\n",
                                 NULL,
                                 "0000:00:06.0 differs between t:1 and t:3 (other bus");
        lspci_text_check("the last bus is not told by a path",
                         "00:06.0 PCI bridge: A\n\tBus: primary=00, secondary=02, subordinate=09\n"
                         "00:06.0/02:00.0 USB controller: B\n",
                         NULL, "00:06.0=- 02:00.0=-");
}

int main(void)
{
        static const TapTest tests[] = {
                {"records", test_records}, {"quoted fields", test_quoted},
                {"trees", test_tree},      {"trees without their spaces", test_broken_tree},
                {"paths", test_paths},
        };

        return tap_run(tests);
}
