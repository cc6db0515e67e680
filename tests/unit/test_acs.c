/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The ACS test by port type, and each kind of quirk.
 */

#include "core/model/groups.h"
#include "core/model/quirks.h"
#include "tap.h"
#include "topology.h"

/* The bits that a lone function lacks, at 00:03.0 unless it gives another address. */
static unsigned missing_of(Part part)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        uint8_t missing;
        bool isolated;

        part.bdf = part.bdf ?: "00:03.0";
        snapshot = topology_build(&part, 1);
        isolated = acs_isolated(snapshot, 0, &missing);
        CHECK(isolated == (missing == 0));
        return missing;
}

#define MISSING(...) missing_of((Part){__VA_ARGS__})

static void test_types(void)
{
        CHECK_NUMBER(MISSING(.type = PART_PCI), 0x1d);
        CHECK_NUMBER(MISSING(.type = PCIE_TYPE_ROOT_PORT), 0x1d);
        CHECK_NUMBER(MISSING(.type = PCIE_TYPE_ROOT_PORT, .acs = PART_ACS_ON), 0);
        CHECK_NUMBER(MISSING(.type = PCIE_TYPE_ROOT_PORT, .acs = PART_ACS_OFF), 0x1d);
        CHECK_NUMBER(MISSING(.type = PCIE_TYPE_ROOT_PORT, .acs = ACS_SV | ACS_RR), ACS_CR | ACS_UF);
        CHECK_NUMBER(MISSING(.type = PCIE_TYPE_DOWNSTREAM, .acs = PART_ACS_ON), 0);
        CHECK_NUMBER(MISSING(.type = PCIE_TYPE_DOWNSTREAM), 0x1d);
        CHECK_NUMBER(MISSING(.type = PCIE_TYPE_PCIE_TO_PCI, .acs = PART_ACS_ON), 0x1d);
        CHECK_NUMBER(MISSING(.type = PCIE_TYPE_PCI_TO_PCIE, .acs = PART_ACS_ON), 0x1d);
        CHECK_NUMBER(MISSING(.type = PCIE_TYPE_RC_EVENT_COLLECTOR, .acs = PART_ACS_ON), 0x1d);
        CHECK_NUMBER(MISSING(.type = 0xf), 0);
}

static void test_functions(void)
{
        static const int types[] = {PCIE_TYPE_ENDPOINT, PCIE_TYPE_LEGACY_ENDPOINT,
                                    PCIE_TYPE_UPSTREAM, PCIE_TYPE_RC_ENDPOINT};

        for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
                CHECK_NUMBER(MISSING(.type = types[i]), 0);
                CHECK_NUMBER(MISSING(.type = types[i], .multifunction = true), 0x1d);
                CHECK_NUMBER(MISSING(.type = types[i], .bdf = "00:03.1"), 0x1d);
                CHECK_NUMBER(MISSING(.type = types[i], .multifunction = true, .acs = PART_ACS_ON),
                             0);
        }
}

static void test_unknown(void)
{
        CHECK_NUMBER(MISSING(.type = PART_UNKNOWN), 0x1d);
        CHECK_NUMBER(MISSING(.type = PCIE_TYPE_ROOT_PORT, .acs = PART_ACS_UNKNOWN), 0x1d);
        /* The header says single-function, but the walk to the ACS capability cannot read on. */
        CHECK_NUMBER(MISSING(.type = PCIE_TYPE_ENDPOINT, .acs = PART_ACS_UNKNOWN), 0);
        CHECK_NUMBER(
                MISSING(.type = PCIE_TYPE_ENDPOINT, .acs = PART_ACS_UNKNOWN, .multifunction = true),
                0x1d);
}

/* A switch port below an unknown bridge may be upstream or downstream: no row applies. */
static void test_uncertain(void)
{
        CHECK_NUMBER(MISSING(.type = PCIE_TYPE_DOWNSTREAM, .above = "00:1c.0", .vendor = 0x1d17,
                             .device = 0x0721),
                     0x1d);
        CHECK_NUMBER(MISSING(.type = PCIE_TYPE_DOWNSTREAM, .vendor = 0x1d17, .device = 0x0721), 0);
        CHECK_NUMBER(MISSING(.type = PCIE_TYPE_UPSTREAM, .above = "00:1c.0"), 0x1d);
        CHECK_NUMBER(MISSING(.type = PCIE_TYPE_UPSTREAM, .above = "00:1c.0", .acs = PART_ACS_ON),
                     0);
}

static void test_capability_bits(void)
{
        static const Part parts[] = {{.bdf = "00:03.0", .type = PCIE_TYPE_ROOT_PORT, .acs = 1}};
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, 1);
        PciFacts *facts = &snapshot->devices[0].facts;
        uint8_t missing;

        /* Bits that are not offered need not be on; TB, EC and DT never. */
        facts->acs.cap = ACS_SV | ACS_TB | ACS_EC | ACS_DT;
        facts->acs.ctrl = ACS_SV;
        CHECK(acs_isolated(snapshot, 0, &missing));
        facts->acs.cap = 0;
        facts->acs.ctrl = 0;
        CHECK(acs_isolated(snapshot, 0, NULL));

        /* IDT switches: source validation stops counting with 7.0. */
        snapshot->devices[0].ids.vendor = 0x111d;
        snapshot->devices[0].ids.device = 0x80b5;
        facts->acs.cap = PART_ACS_ON;
        facts->acs.ctrl = ACS_RR | ACS_CR | ACS_UF;
        CHECK(!acs_isolated(snapshot, 0, &missing));
        CHECK_NUMBER(missing, ACS_SV);
        (void)snprintf(snapshot->kernel_release, sizeof(snapshot->kernel_release), "6.17.1");
        CHECK(!acs_isolated(snapshot, 0, NULL));
        (void)snprintf(snapshot->kernel_release, sizeof(snapshot->kernel_release), "7.0.0-lab");
        CHECK(acs_isolated(snapshot, 0, NULL));
}

static void test_quirk_simple(void)
{
        /* Known to isolate, whatever the type is. */
        CHECK_NUMBER(MISSING(.vendor = 0x8086, .device = 0x10fb, .bdf = "00:03.1"), 0);
        CHECK_NUMBER(MISSING(.vendor = 0x17cb, .device = 0x0400, .type = PCIE_TYPE_ROOT_PORT), 0);
        CHECK_NUMBER(MISSING(.vendor = 0x1957, .device = 0x8d9b, .type = PART_PCI), 0);
        CHECK_NUMBER(MISSING(.vendor = 0x1958, .device = 0x8d9b, .type = PART_PCI), 0x1d);
        /* By type. */
        CHECK_NUMBER(MISSING(.vendor = 0x8086, .device = 0xabcd, .bdf = "00:03.1",
                             .type = PCIE_TYPE_RC_ENDPOINT),
                     0);
        CHECK_NUMBER(MISSING(.vendor = 0x177d, .device = 0xa7ff, .type = PCIE_TYPE_ROOT_PORT), 0);
        CHECK_NUMBER(MISSING(.vendor = 0x177d, .device = 0xa800, .type = PCIE_TYPE_ROOT_PORT),
                     0x1d);
        CHECK_NUMBER(MISSING(.vendor = 0x1c36, .device = 0x0031, .type = PCIE_TYPE_ROOT_PORT), 0);
        CHECK_NUMBER(MISSING(.vendor = 0x1c36, .device = 0x0031, .type = PCIE_TYPE_DOWNSTREAM),
                     0x1d);
}

static void test_quirk_refuses(void)
{
        /* These rows say no where the capability would say yes. */
        CHECK_NUMBER(MISSING(.vendor = 0x1d17, .device = 0x0720, .type = PCIE_TYPE_ROOT_PORT,
                             .acs = PART_ACS_ON),
                     0x1d);
        CHECK_NUMBER(MISSING(.vendor = 0x1d17, .device = 0x0721, .type = PCIE_TYPE_ROOT_PORT), 0);
        CHECK_NUMBER(MISSING(.vendor = 0x1d17, .device = 0x0720), 0);
        CHECK_NUMBER(MISSING(.vendor = 0x8088, .device = 0x0110), 0x1d);
        CHECK_NUMBER(MISSING(.vendor = 0x8088, .device = 0x010f, .bdf = "00:03.1"), 0);
}

static void test_quirk_intel_pch(void)
{
        static const Part parts[] = {{.bdf = "00:1c.0",
                                      .type = PCIE_TYPE_ROOT_PORT,
                                      .vendor = 0x8086,
                                      .device = 0x8c10,
                                      .acs = PART_ACS_ON}};
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, 1);
        PciDevice *device = &snapshot->devices[0];

        CHECK(quirk_is_intel_pch_port(0x8086, 0x8c10));
        CHECK(!quirk_is_intel_pch_port(0x8086, 0x8c20));
        CHECK(!quirk_is_intel_pch_port(0x1022, 0x8c10));
        CHECK(!acs_isolated(snapshot, 0, NULL));
        device->facts.pch_redirect = TRISTATE_NO;
        CHECK(!acs_isolated(snapshot, 0, NULL));
        device->facts.pch_redirect = TRISTATE_YES;
        CHECK(acs_isolated(snapshot, 0, NULL));
        device->pcie_type = PCIE_TYPE_ENDPOINT; /* no port: the row has no opinion */
        device->facts.pch_redirect = TRISTATE_NO;
        CHECK(acs_isolated(snapshot, 0, NULL));
}

static void test_quirk_intel_spt(void)
{
        static const Part parts[] = {{.bdf = "00:1c.0",
                                      .type = PCIE_TYPE_ROOT_PORT,
                                      .vendor = 0x8086,
                                      .device = 0xa110,
                                      .acs = PART_ACS_OFF}};
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, 1);
        PciFacts *facts = &snapshot->devices[0].facts;
        uint8_t missing;

        facts->acs.dword4 = 0x0f;
        facts->acs.dword8 = 0x05;
        CHECK(!acs_isolated(snapshot, 0, &missing));
        CHECK_NUMBER(missing, ACS_CR);
        facts->acs.dword8 = 0x0d;
        CHECK(acs_isolated(snapshot, 0, NULL));
        facts->acs.present = TRISTATE_UNKNOWN;
        CHECK(!acs_isolated(snapshot, 0, NULL));
}

static void test_quirk_amd(void)
{
        static const Part parts[] = {
                {.bdf = "00:14.0",
                 .type = PART_PCI,
                 .vendor = 0x1002,
                 .device = 0x4385,
                 .multifunction = true},
                {.bdf = "00:14.1", .type = PART_PCI, .vendor = 0x1002, .device = 0x439c},
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));

        CHECK(!acs_isolated(snapshot, 0, NULL));
        snapshot->ivrs = TRISTATE_NO;
        CHECK(!acs_isolated(snapshot, 0, NULL));
        snapshot->ivrs = TRISTATE_YES;
        CHECK(acs_isolated(snapshot, 0, NULL));
        CHECK(acs_isolated(snapshot, 1, NULL));
        snapshot->devices[0].multifunction = TRISTATE_UNKNOWN;
        CHECK(!acs_isolated(snapshot, 0, NULL));
}

/* An id that was not read may be any id that a rule uses. A device without ids matches no rule. */
static void test_half_known_ids(void)
{
        PciDevice device = {.ids.vendor = 0x1b4b, .bdf = {0, 1, 0x08}};
        AliasMask mask;

        CHECK(quirk_alias_mask(&device, &mask) && alias_mask_has(&mask, 0x09));
        device = (PciDevice){.ids.device = 0x9230, .bdf = {0, 1, 0x08}};
        CHECK(quirk_alias_mask(&device, &mask) && alias_mask_has(&mask, 0x09));
        device.place.is_vf = true;
        CHECK(!quirk_alias_mask(&device, &mask));
        device = (PciDevice){.ids.device = 0x9230, .ids.class_code = 0x060400};
        CHECK(!quirk_alias_mask(&device, &mask));
        device = (PciDevice){
                .ids.vendor = 0x8086, .ids.class_code = 0x088000, .bdf = {0, 0xff, 0x08}};
        CHECK(!quirk_alias_mask(&device, &mask)); /* on a root bus: no card */
        device.place.has_parent = true;
        CHECK(quirk_alias_mask(&device, &mask) && alias_mask_has(&mask, 0x93));
        device = (PciDevice){.ids.vendor = 0x144d, .bdf = {0, 1, 0x08}};
        CHECK(!quirk_alias_mask(&device, &mask));
        device = (PciDevice){0};
        CHECK(!quirk_alias_mask(&device, &mask));
}

/* Some vendors' ports do not isolate, whatever ACS says. */
static void test_unknown_vendor(void)
{
        const Part parts[] = {
                {.bdf = "0000:00:1c.0",
                 .type = PCIE_TYPE_ROOT_PORT,
                 .acs = PART_ACS_ON,
                 .device = 0x1234},
                {.bdf = "0000:00:1c.1", .type = PCIE_TYPE_ROOT_PORT, .acs = PART_ACS_ON},
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        uint8_t missing = 0;

        CHECK(!acs_isolated(snapshot, 0, &missing));
        CHECK_NUMBER(missing, PART_ACS_ON);
        CHECK(acs_isolated(snapshot, 1, NULL));
}

static void test_aliases(void)
{
        PciDevice device = {.ids.vendor = 0x1b4b, .ids.device = 0x9230, .bdf = {0, 1, 0x08}};
        AliasMask mask;

        CHECK(quirk_alias_mask(&device, &mask));
        CHECK(alias_mask_has(&mask, 0x09) && !alias_mask_has(&mask, 0x08));
        device.bdf.devfn = 0x09;
        CHECK(!quirk_alias_mask(&device, &mask));
        device = (PciDevice){.ids.vendor = 0x1180, .ids.device = 0xe832, .bdf = {0, 1, 0x0b}};
        CHECK(quirk_alias_mask(&device, &mask) && alias_mask_has(&mask, 0x08));
        device = (PciDevice){.ids.vendor = 0x9005, .ids.device = 0x0285};
        CHECK(quirk_alias_mask(&device, &mask)); /* the card it belongs to is unknown */
        device.ids.subsystem_vendor = 0x9005;
        device.ids.subsystem_device = 0x0286;
        CHECK(!quirk_alias_mask(&device, &mask));
        device.ids.subsystem_device = 0x02bb;
        CHECK(quirk_alias_mask(&device, &mask) && alias_mask_has(&mask, 0x08));
        device = (PciDevice){.ids.vendor = 0x8086, .ids.device = 0x2264};
        CHECK(quirk_alias_mask(&device, &mask) && alias_mask_has(&mask, 0x93));
        device = (PciDevice){.ids.vendor = 0x8086, .ids.device = 0x2954};
        CHECK(quirk_alias_mask(&device, &mask) && alias_mask_has(&mask, 0xfc) &&
              !alias_mask_has(&mask, 0xfd));
        device =
                (PciDevice){.ids.vendor = 0x11f8, .ids.device = 0x8536, .ids.class_code = 0x068000};
        CHECK(quirk_alias_mask(&device, &mask) && alias_mask_has(&mask, 0xff));
        device.ids.class_code = 0x060400;
        CHECK(!quirk_alias_mask(&device, &mask));
}

/* The short list of vendors equals the vendors of the rows. */
static void test_vendors(void)
{
        for (size_t i = 0; i < quirk_n_acs_rows; i++) {
                size_t n = 0;

                for (size_t k = 0; k < quirk_n_acs_vendors; k++)
                        n += quirk_acs_vendors[k] == quirk_acs_rows[i].vendor;
                CHECK_NUMBER(n, 1);
        }
}

int main(void)
{
        static const TapTest tests[] = {
                {"vendors with rows", test_vendors},
                {"by port type", test_types},
                {"one function or several", test_functions},
                {"what is unknown isolates nobody", test_unknown},
                {"a switch's end that may be either", test_uncertain},
                {"which bits count", test_capability_bits},
                {"quirk rows that say yes", test_quirk_simple},
                {"quirk rows that say no", test_quirk_refuses},
                {"Intel PCH ports", test_quirk_intel_pch},
                {"Intel 100-series ports", test_quirk_intel_spt},
                {"AMD southbridges", test_quirk_amd},
                {"alias masks", test_aliases},
                {"alias masks of half-known ids", test_half_known_ids},
                {"a vendor that is not known", test_unknown_vendor},
        };

        return tap_run(tests);
}
