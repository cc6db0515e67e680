/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The replay on machines small enough to be computed by hand, one per rule, with the reasons.
 */

#include "core/model/groups.h"
#include "tap.h"
#include "topology.h"

#define RP PCIE_TYPE_ROOT_PORT
#define UP PCIE_TYPE_UPSTREAM
#define DP PCIE_TYPE_DOWNSTREAM
#define EP PCIE_TYPE_ENDPOINT
#define ON PART_ACS_ON

/* Computes, compares, and checks what holds for every partition. */
static void expect(const Part *parts, size_t n_parts, const char *want, const char *bdf,
                   const char *rules)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, n_parts);
        _cleanup_(partition_freep) Partition *partition = NULL;
        _cleanup_(freep) char *text = NULL, *reasons = NULL;

        CHECK_NUMBER(kernel_groups_compute(snapshot, &partition), 0);
        text = topology_text(snapshot, partition);
        CHECK_STRING(text, want);
        CHECK(topology_reasons_connect(partition));
        CHECK_NUMBER(partition->n_devices, n_parts);
        if (bdf) {
                reasons = topology_rules(snapshot, partition, bdf);
                CHECK_STRING(reasons, rules);
        }
}

#define EXPECT(parts, want, bdf, rules) expect(parts, ARRAY_SIZE(parts), want, bdf, rules)

static void test_empty(void)
{
        expect(NULL, 0, "", NULL, NULL);
}

static void test_isolated(void)
{
        static const Part parts[] = {
                {"00:00.0", .type = PART_PCI},      {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = EP}, {"00:1d.0", .type = RP, .acs = ON},
                {"02:00.0", "00:1d.0", .type = EP},
        };

        EXPECT(parts, "00:00.0 | 00:1c.0 | 00:1d.0 | 01:00.0 | 02:00.0", "01:00.0", "");
}

static void test_port_without_acs(void)
{
        static const Part parts[] = {
                {"00:1c.0", .type = RP},
                {"01:00.0", "00:1c.0", .type = EP},
                {"00:1d.0", .type = RP, .acs = ON},
                {"02:00.0", "00:1d.0", .type = EP},
        };

        EXPECT(parts, "00:1c.0 01:00.0 | 00:1d.0 | 02:00.0", "01:00.0", "upstream-acs");
}

/* The lab's join slot: two ports of one slot, neither with ACS. */
static void test_ports_in_one_slot(void)
{
        static const Part parts[] = {
                {"00:02.0", .type = RP, .multifunction = true},
                {"00:02.1", .type = RP},
                {"01:00.0", "00:02.0", .type = EP},
                {"02:00.0", "00:02.1", .type = EP},
        };

        EXPECT(parts, "00:02.0 00:02.1 01:00.0 02:00.0", "02:00.0",
               "multifunction-acs upstream-acs upstream-acs");
}

/* A switch whose downstream ports lack ACS: the kernel separates the ports by design. */
static void test_switch(void)
{
        static const Part parts[] = {
                {"00:1c.0", .type = RP, .acs = ON}, {"01:00.0", "00:1c.0", .type = UP},
                {"02:00.0", "01:00.0", .type = DP}, {"02:01.0", "01:00.0", .type = DP, .acs = ON},
                {"03:00.0", "02:00.0", .type = EP}, {"03:00.1", "02:00.0", .type = EP},
                {"04:00.0", "02:01.0", .type = EP},
        };

        EXPECT(parts, "00:1c.0 | 01:00.0 | 02:00.0 03:00.0 03:00.1 | 02:01.0 | 04:00.0", "03:00.1",
               "upstream-acs upstream-acs");
}

/* A port with ACS does not separate devices below a port without ACS. */
static void test_acs_further_up(void)
{
        static const Part parts[] = {
                {"00:1c.0", .type = RP},
                {"01:00.0", "00:1c.0", .type = UP},
                {"02:00.0", "01:00.0", .type = DP, .acs = ON},
                {"03:00.0", "02:00.0", .type = EP},
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        _cleanup_(partition_freep) Partition *partition = NULL;

        CHECK_NUMBER(kernel_groups_compute(snapshot, &partition), 0);
        CHECK_NUMBER(partition->n_groups, 1);
        CHECK_STRING(partition->groups[0].id, "0000:00/1c.0");
        CHECK_NUMBER(partition->groups[0].n_reasons, 3);
        for (size_t i = 0; i < 3; i++) {
                const Reason *reason = &partition->groups[0].reasons[i];

                CHECK_NUMBER(reason->rule, REASON_UPSTREAM_ACS);
                CHECK_NUMBER(reason->at, topology_find(snapshot, "00:1c.0"));
                CHECK_NUMBER(reason->missing, 0x1d);
                CHECK_NUMBER(reason->acs, TRISTATE_NO);
        }
}

static void test_multifunction(void)
{
        static const Part parts[] = {
                {"00:1f.0", .type = PART_PCI, .multifunction = true},
                {"00:1f.2", .type = PART_PCI},
                {"00:1f.3", .type = PART_PCI},
                {"00:1e.0", .type = EP, .acs = ON, .multifunction = true},
                {"00:1e.1", .type = EP},
                {"00:1e.2", .type = EP, .acs = ON},
        };

        EXPECT(parts, "00:1e.0 | 00:1e.1 | 00:1e.2 | 00:1f.0 00:1f.2 00:1f.3", "00:1f.0",
               "multifunction-acs multifunction-acs");
}

/* Every function behind a bridge to conventional PCI has the bridge's id. */
static void test_pci_bridge(void)
{
        static const Part parts[] = {
                {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = PCIE_TYPE_PCIE_TO_PCI},
                {"02:01.0", "01:00.0", .type = PART_PCI},
                {"02:02.0", "01:00.0", .type = PART_PCI},
                {"00:1e.0", .type = PART_PCI},
                {"05:01.0", "00:1e.0", .type = PART_PCI},
        };

        EXPECT(parts, "00:1c.0 | 00:1e.0 05:01.0 | 01:00.0 02:01.0 02:02.0", "02:02.0",
               "bridge-alias bridge-alias");
}

/* The alias step continues past the first bridge: the nearest bridge that has a group decides. */
static void test_pci_bridge_below_port_without_acs(void)
{
        static const Part parts[] = {
                {"00:1c.0", .type = RP},
                {"01:00.0", "00:1c.0", .type = PCIE_TYPE_PCIE_TO_PCI},
                {"02:01.0", "01:00.0", .type = PART_PCI},
        };

        EXPECT(parts, "00:1c.0 01:00.0 02:01.0", "02:01.0", "upstream-acs bridge-alias");
}

static void test_alias_quirk(void)
{
        static const Part absent[] = {
                {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = EP, .vendor = 0x1b4b, .device = 0x9230},
        };
        static const Part present[] = {
                {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = EP, .acs = ON, .vendor = 0x1b4b, .device = 0x9230},
                {"01:00.1", "00:1c.0", .type = EP, .acs = ON},
        };

        EXPECT(absent, "00:1c.0 | 01:00.0", "01:00.0", "");
        EXPECT(present, "00:1c.0 | 01:00.0 01:00.1", "01:00.0", "dma-alias");
}

/*
 * 03.0 has the id of 10.0 too, which shares its slot with 10.1: 10.0 is met on the way from 03.0 to
 * 10.1's group, but only joins it later.
 */
static void test_chain(void)
{
        static const Part parts[] = {
                {"00:03.0", .type = EP, .vendor = 0x8086, .device = 0x2260},
                {"00:10.0", .type = EP, .multifunction = true},
                {"00:10.1", .type = EP},
        };

        EXPECT(parts, "00:03.0 00:10.0 00:10.1", "00:10.1", "dma-alias multifunction-acs");
}

static void test_whole_bus(void)
{
        static const Part parts[] = {
                {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = EP, .vendor = 0x10b5, .device = 0x87b0},
                {"01:05.0", "00:1c.0", .type = EP},
                {"01:1f.0", "00:1c.0", .type = EP},
        };

        EXPECT(parts, "00:1c.0 | 01:00.0 01:05.0 01:1f.0", "01:00.0", "dma-alias dma-alias");
}

static void test_translation_root(void)
{
        static const Part parts[] = {
                {"00:01.0", .type = PCIE_TYPE_PCI_TO_PCIE, .vendor = 0x14e4, .device = 0x9084},
                {"01:00.0", "00:01.0", .type = RP, .acs = ON},
                {"02:00.0", "01:00.0", .type = EP},
        };

        /* The alias does not join it. By ACS it is still below a port that does not redirect. */
        EXPECT(parts, "00:01.0 01:00.0 02:00.0", "02:00.0", "upstream-acs upstream-acs");
}

static void test_vmd(void)
{
        static const Part parts[] = {
                {"00:0e.0", .type = PCIE_TYPE_RC_ENDPOINT},
                {"10000:e0:06.0", .type = RP, .acs = ON, .real_dma = "00:0e.0"},
                {"10000:e1:00.0", "10000:e0:06.0", .type = EP, .real_dma = "00:0e.0"},
        };

        EXPECT(parts, "00:0e.0 10000:e0:06.0 10000:e1:00.0", "00:0e.0",
               "real-dma-device real-dma-device");
}

/* The endpoint disappeared while the tree was read: devices that share its id are not separated. */
static void test_vmd_lost(void)
{
        static const Part parts[] = {
                {"10000:e0:06.0", .type = RP, .acs = ON, .real_dma = "00:0e.0"},
                {"10000:e0:07.0", .type = RP, .acs = ON, .real_dma = "00:0e.0"},
                {"10000:e1:00.0", "10000:e0:06.0", .type = EP, .real_dma = "00:0e.0"},
                {"10001:e0:06.0", .type = RP, .acs = ON, .real_dma = "00:0f.0"},
        };

        EXPECT(parts, "10000:e0:06.0 10000:e0:07.0 10000:e1:00.0 | 10001:e0:06.0", "10000:e0:07.0",
               "real-dma-device real-dma-device");
}

static void test_virtual_functions(void)
{
        static const Part parts[] = {
                {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = EP, .multifunction = true},
                {"01:00.1", "00:1c.0", .type = EP},
                {"01:10.0", "00:1c.0", .type = EP, .physfn = "01:00.0"},
                {"01:10.1", "00:1c.0", .type = EP, .physfn = "01:00.1"},
                {"00:1d.0", .type = RP},
                {"02:00.0", "00:1d.0", .type = EP},
                {"02:00.1", "00:1d.0", .type = EP, .physfn = "02:00.0"},
        };

        EXPECT(parts, "00:1c.0 | 00:1d.0 02:00.0 02:00.1 | 01:00.0 01:00.1 | 01:10.0 | 01:10.1",
               "02:00.1", "upstream-acs upstream-acs");
}

/* Unknown facts join devices; a fact that cannot be read separates none. */
static void test_unknown(void)
{
        static const Part ports[] = {
                {"00:1c.0", .type = PART_UNKNOWN},
                {"01:00.0", "00:1c.0", .type = EP},
                {"00:1d.0", .type = RP, .acs = PART_ACS_UNKNOWN},
                {"02:00.0", "00:1d.0", .type = EP},
        };
        static const Part orphans[] = {
                {"01:00.0", "00:1c.0", .type = EP},
                {"01:01.0", "00:1c.0", .type = EP},
                {"02:00.0", "00:1d.0", .type = EP},
        };

        EXPECT(ports, "00:1c.0 01:00.0 | 00:1d.0 02:00.0", "01:00.0", "bridge-alias");
        EXPECT(orphans, "01:00.0 01:01.0 02:00.0", "01:01.0", "unknown-parent unknown-parent");
}

static void test_no_alias_bridge(void)
{
        static const Part parts[] = {
                {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = PCIE_TYPE_PCIE_TO_PCI, .vendor = 0x1a03,
                 .device = 0x1150},
                {"02:00.0", "01:00.0", .type = PART_PCI},
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        _cleanup_(partition_freep) Partition *old = NULL, *new = NULL;

        CHECK_NUMBER(kernel_groups_compute(snapshot, &old), 0);
        CHECK_NUMBER(old->groups[1].reasons[0].rule, REASON_BRIDGE_ALIAS);
        (void)snprintf(snapshot->kernel_release, sizeof(snapshot->kernel_release), "7.2.13");
        CHECK_NUMBER(kernel_groups_compute(snapshot, &new), 0);
        CHECK_NUMBER(new->groups[1].reasons[0].rule, REASON_UPSTREAM_ACS);
}

static void add(Snapshot *snapshot, unsigned bus, unsigned devfn, unsigned parent, bool port)
{
        PciDevice device = {
                .bdf = {bus >> 8, (uint8_t)bus, (uint8_t)devfn},
                .place = {.has_parent = bus % 256 != 0,
                          .parent_bdf = {bus >> 8, 0, (uint8_t)parent},
                          .root_domain = bus >> 8},
                .facts = {.present = TRISTATE_YES,
                          .header_known = TRISTATE_YES,
                          .pcie = TRISTATE_YES,
                          .pcie_type = port ? RP : EP,
                          .acs.present = TRISTATE_NO},
        };

        CHECK_NUMBER(snapshot_add(snapshot, &device), 0);
}

/* Twenty thousand functions: full buses below ports. A quadratic step would take too long. */
static void test_large(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(partition_freep) Partition *partition = NULL;

        CHECK_NUMBER(snapshot_new(&snapshot), 0);
        for (unsigned domain = 0; domain < 4; domain++) {
                for (unsigned port = 0; port < 20; port++) {
                        add(snapshot, domain << 8, port << 3, 0, true);
                        for (unsigned devfn = 0; devfn < 256; devfn++)
                                add(snapshot, domain << 8 | (port + 1), devfn, port << 3, false);
                }
        }
        CHECK_NUMBER(snapshot_finish(snapshot), 0);
        CHECK_NUMBER(kernel_groups_compute(snapshot, &partition), 0);
        CHECK_NUMBER(snapshot->n_devices, 4 * 20 * 257);
        CHECK_NUMBER(partition->n_groups, 4 * 20);
}

int main(void)
{
        static const TapTest tests[] = {
                {"no devices", test_empty},
                {"ports with ACS", test_isolated},
                {"a port without ACS", test_port_without_acs},
                {"two ports of one slot", test_ports_in_one_slot},
                {"a switch", test_switch},
                {"ACS below a port without", test_acs_further_up},
                {"functions of one slot", test_multifunction},
                {"bridges to conventional PCI", test_pci_bridge},
                {"a bridge below a port without ACS", test_pci_bridge_below_port_without_acs},
                {"a function that uses another's id", test_alias_quirk},
                {"a reason by way of a third device", test_chain},
                {"a function that uses every id", test_whole_bus},
                {"where ids are translated", test_translation_root},
                {"behind a VMD", test_vmd},
                {"behind a VMD that is not known", test_vmd_lost},
                {"virtual functions", test_virtual_functions},
                {"what is unknown joins", test_unknown},
                {"a bridge that keeps ids, by release", test_no_alias_bridge},
                {"twenty thousand functions", test_large},
        };

        return tap_run(tests);
}
