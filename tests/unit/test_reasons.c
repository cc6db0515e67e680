/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reasons in words: they name the devices, and the missing ACS bits.
 */

#include "core/model/groups.h"
#include "tap.h"
#include "topology.h"

static const Part parts[] = {
        {"00:1c.4", .type = PCIE_TYPE_ROOT_PORT},
        {"02:00.0", "00:1c.4", .type = PCIE_TYPE_PCIE_TO_PCI},
        {"03:00.0", "02:00.0", .type = PART_PCI},
        {"00:1d.0", .type = PCIE_TYPE_ROOT_PORT, .acs = ACS_SV | ACS_UF},
        {"04:00.0", "00:1d.0", .type = PCIE_TYPE_ENDPOINT},
        {"05:00.0", "00:1e.0", .type = PART_UNKNOWN},
};

static void expect(ReasonRule rule, const char *a, const char *b, const char *at, uint8_t missing,
                   Tristate acs, const char *want)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        _cleanup_(freep) char *text = NULL;
        Reason reason = {
                .rule = rule,
                .a = (uint32_t)topology_find(snapshot, a),
                .b = (uint32_t)topology_find(snapshot, b),
                .at = (uint32_t)topology_find(snapshot, at),
                .missing = missing,
                .acs = acs,
        };

        text = reason_describe(snapshot, &reason);
        CHECK_STRING(text, want);
}

static void test_sentences(void)
{
        expect(REASON_UPSTREAM_ACS, "02:00.0", "00:1c.4", "00:1c.4", 0x1d, TRISTATE_NO,
               "0000:00:1c.4 (a root port above 0000:02:00.0) has no ACS, so requests from below "
               "it "
               "may turn around before the IOMMU: 0000:02:00.0 joins 0000:00:1c.4.");
        expect(REASON_UPSTREAM_ACS, "04:00.0", "00:1d.0", "00:1d.0", ACS_RR | ACS_CR, TRISTATE_YES,
               "0000:00:1d.0 (a root port above 0000:04:00.0) has ACS, but without RR|CR switched "
               "on, "
               "so "
               "requests from below it may turn around before the IOMMU: 0000:04:00.0 joins "
               "0000:00:1d.0.");
        expect(REASON_MULTIFUNCTION_ACS, "04:00.0", "03:00.0", "04:00.0", 0x1d, TRISTATE_NO,
               "0000:04:00.0 and 0000:03:00.0 are functions of one slot that may reach each other "
               "inside it: neither isolates itself (0000:04:00.0 has no ACS).");
        expect(REASON_BRIDGE_ALIAS, "03:00.0", "02:00.0", "02:00.0", 0, TRISTATE_UNKNOWN,
               "0000:02:00.0 (a PCIe-to-PCI bridge above 0000:03:00.0) replaces requester ids of "
               "conventional PCI by its own, so the IOMMU cannot distinguish 0000:03:00.0 from "
               "it.");
        expect(REASON_DMA_ALIAS, "03:00.0", "02:00.0", "03:00.0", 0, TRISTATE_UNKNOWN,
               "0000:03:00.0 and 0000:02:00.0 share a requester id: 0000:03:00.0 is known to send "
               "requests under another function's id.");
        expect(REASON_REAL_DMA_DEVICE, "03:00.0", "02:00.0", "02:00.0", 0, TRISTATE_UNKNOWN,
               "0000:03:00.0 is behind the VMD endpoint 0000:02:00.0, and its requests have the "
               "endpoint's id.");
        expect(REASON_OBSERVED, "03:00.0", "02:00.0", "02:00.0", 0, TRISTATE_UNKNOWN,
               "The kernel has 0000:03:00.0 and 0000:02:00.0 in one group; no known rule explains "
               "why.");
}

static void test_unknown(void)
{
        expect(REASON_UPSTREAM_ACS, "04:00.0", "00:1d.0", "00:1d.0", 0x1d, TRISTATE_UNKNOWN,
               "0000:00:1d.0 (a root port above 0000:04:00.0) has no ACS that could be read, so "
               "requests from below it may turn around before the IOMMU: 0000:04:00.0 joins "
               "0000:00:1d.0.");
        expect(REASON_UNKNOWN_PARENT, "05:00.0", "04:00.0", "05:00.0", 0, TRISTATE_UNKNOWN,
               "The input lacks the bridge above 0000:05:00.0, so nothing shows that 0000:05:00.0 "
               "and 0000:04:00.0 are separate.");
        expect(REASON_BRIDGE_ALIAS, "04:00.0", "05:00.0", "05:00.0", 0, TRISTATE_UNKNOWN,
               "0000:05:00.0 is above 0000:04:00.0 and cannot be read: it may be a bridge to "
               "conventional PCI, which would use its requester id for both.");
}

static void test_bits(void)
{
        _cleanup_(freep) char *none = acs_bits_to_string(0);
        _cleanup_(freep) char *needed = acs_bits_to_string(0x1d);
        _cleanup_(freep) char *all = acs_bits_to_string(0xff);

        CHECK_STRING(none, "");
        CHECK_STRING(needed, "SV|RR|CR|UF");
        CHECK_STRING(all, "SV|TB|RR|CR|UF|EC|DT");
}

static void test_rules(void)
{
        static const char *const names[] = {
                "upstream-acs",    "multifunction-acs", "bridge-alias", "dma-alias",
                "real-dma-device", "unknown-parent",    "observed",     "shared-bus",
                "function-peer",   "switch-peer",       "turned-around", "forged-id",
                "root-port-peer",  "virtual-function"};

        CHECK_NUMBER(ARRAY_SIZE(names), _REASON_N);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                CHECK_STRING(reason_rule_to_string((ReasonRule)i), names[i]);
        CHECK_STRING(reason_rule_to_string(_REASON_N), "");
}

int main(void)
{
        static const TapTest tests[] = {
                {"a sentence per rule", test_sentences},
                {"sentences about what is unknown", test_unknown},
                {"ACS bits", test_bits},
                {"rule names are those of the contract", test_rules},
        };

        return tap_run(tests);
}
