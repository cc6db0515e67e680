/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The sound partition edge by edge: a topology, which devices can reach each other, and by which
 * rule.
 */

#include "core/model/groups.h"
#include "tap.h"
#include "topology.h"

#define RP PCIE_TYPE_ROOT_PORT
#define UP PCIE_TYPE_UPSTREAM
#define DP PCIE_TYPE_DOWNSTREAM
#define EP PCIE_TYPE_ENDPOINT
#define ON PART_ACS_ON

static Partition *compute(const Snapshot *snapshot, Partition **ret_kernel)
{
        _cleanup_(partition_freep) Partition *kernel = NULL;
        Partition *sound = NULL;

        if (kernel_groups_compute(snapshot, &kernel) < 0 ||
            sound_groups_compute(snapshot, kernel, &sound) < 0)
                abort();
        if (ret_kernel)
                *ret_kernel = TAKE_PTR(kernel);
        return sound;
}

/* The groups, and the rules that hold `bdf`'s together. */
static void expect(const Part *parts, size_t n_parts, const char *groups, const char *bdf,
                   const char *rules)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, n_parts);
        _cleanup_(partition_freep) Partition *sound = compute(snapshot, NULL);
        _cleanup_(freep) char *text = topology_text(snapshot, sound);
        _cleanup_(freep) char *have = topology_rules(snapshot, sound, bdf);

        CHECK_STRING(text, groups);
        CHECK_STRING(have, rules);
        CHECK(topology_reasons_connect(sound));
}

#define EXPECT(parts, groups, bdf, rules) expect(parts, ARRAY_SIZE(parts), groups, bdf, rules)

/* The sentence of the only reason by which the sound partition is coarser than the kernel's. */
static void expect_sentence(const Part *parts, size_t n_parts, ReasonRule rule, const char *want)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, n_parts);
        _cleanup_(partition_freep) Partition *sound = compute(snapshot, NULL);

        for (size_t g = 0; g < sound->n_groups; g++)
                for (size_t i = 0; i < sound->groups[g].n_reasons; i++) {
                        _cleanup_(freep) char *text = NULL;

                        if (sound->groups[g].reasons[i].rule != rule)
                                continue;
                        text = reason_describe(snapshot, &sound->groups[g].reasons[i]);
                        CHECK_STRING(text, want);
                        return;
                }
        CHECK(!"a reason by that rule");
}

/* A root port with ACS, and a switch whose ports' ACS is `a` and `b`, a card below each. */
#define SWITCH(a, b)                                                                               \
        {"00:1c.0", .type = RP, .acs = ON}, {"01:00.0", "00:1c.0", .type = UP},                    \
                {"02:00.0", "01:00.0", .type = DP, .acs = (a)},                                    \
                {"02:01.0", "01:00.0", .type = DP, .acs = (b)},                                    \
                {"03:00.0", "02:00.0", .type = EP},                                                \
        {                                                                                          \
                "04:00.0", "02:01.0", .type = EP                                                   \
        }

/* Where all ports redirect, the kernel is right. */
static void test_switch_redirects(void)
{
        static const Part parts[] = {SWITCH(ON, ON)};

        EXPECT(parts, "00:1c.0 | 01:00.0 | 02:00.0 | 02:01.0 | 03:00.0 | 04:00.0", "03:00.0", "");
}

/* 4: one port without RR joins what is below all ports; the rest is as it was. */
static void test_switch_peer(void)
{
        static const Part parts[] = {SWITCH(ON, ACS_SV | ACS_CR | ACS_UF)};

        EXPECT(parts, "00:1c.0 | 01:00.0 | 02:00.0 02:01.0 03:00.0 04:00.0", "03:00.0",
               "upstream-acs switch-peer switch-peer");
        expect_sentence(parts, ARRAY_SIZE(parts), REASON_SWITCH_PEER,
                        "A write from 0000:04:00.0 enters downstream port 0000:02:01.0, which does "
                        "not redirect requests (no RR), and is routed to 0000:02:00.0.");
}

/* 5: a request that a port turns around reaches the switch, not its other ports. */
static void test_turned_around(void)
{
        static const Part parts[] = {SWITCH(ON, ACS_SV | ACS_RR | ACS_CR)};

        EXPECT(parts, "00:1c.0 | 01:00.0 02:01.0 04:00.0 | 02:00.0 | 03:00.0", "04:00.0",
               "upstream-acs turned-around");
        expect_sentence(parts, ARRAY_SIZE(parts), REASON_TURNED_AROUND,
                        "A request or completion from 0000:04:00.0 at downstream port 0000:02:01.0 "
                        "is turned around there (no UF) and reaches 0000:01:00.0.");
}

/* 6: a forged id passes up to the next port that checks. */
static void test_forged_id(void)
{
        static const Part parts[] = {SWITCH(ON, ACS_RR | ACS_CR | ACS_UF)};
        static const Part nested[] = {
                {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = UP},
                {"02:00.0", "01:00.0", .type = DP, .acs = ON},
                {"02:01.0", "01:00.0", .type = DP, .acs = ON},
                {"03:00.0", "02:00.0", .type = EP},
                {"05:00.0", "02:01.0", .type = UP},
                {"06:00.0", "05:00.0", .type = DP, .acs = ACS_RR | ACS_CR | ACS_UF},
                {"07:00.0", "06:00.0", .type = EP},
        };

        EXPECT(parts, "00:1c.0 01:00.0 02:00.0 02:01.0 03:00.0 04:00.0", "04:00.0",
               "upstream-acs forged-id forged-id forged-id forged-id");
        expect_sentence(parts, ARRAY_SIZE(parts), REASON_FORGED_ID,
                        "A write from 0000:04:00.0 under the id of 0000:00:1c.0 passes downstream "
                        "port 0000:02:01.0, which does not check requester ids (no SV), and uses "
                        "the mappings of 0000:00:1c.0.");
        EXPECT(nested, "00:1c.0 | 01:00.0 | 02:00.0 | 02:01.0 05:00.0 06:00.0 07:00.0 | 03:00.0",
               "07:00.0", "upstream-acs forged-id forged-id");
}

/* A switch without any ACS: everything, up to the root port that checks ids. */
static void test_switch_without_acs(void)
{
        static const Part parts[] = {SWITCH(0, 0)};
        static const Part empty[] = {
                {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = UP},
                {"02:00.0", "01:00.0", .type = DP, .acs = ON},
                {"02:01.0", "01:00.0", .type = DP, .acs = ACS_CR | ACS_UF},
                {"03:00.0", "02:00.0", .type = EP},
        };

        EXPECT(parts, "00:1c.0 01:00.0 02:00.0 02:01.0 03:00.0 04:00.0", "04:00.0",
               "upstream-acs upstream-acs switch-peer turned-around forged-id");
        /*
         * No device is below the bad port, so none can forge an id; a request that arrives there is
         * routed.
         */
        EXPECT(empty, "00:1c.0 | 01:00.0 | 02:00.0 02:01.0 03:00.0", "03:00.0",
               "switch-peer switch-peer");
        expect_sentence(empty, ARRAY_SIZE(empty), REASON_SWITCH_PEER,
                        "A write from a device below downstream port 0000:02:01.0, which does not "
                        "redirect requests (no RR), is routed to 0000:02:00.0.");
}

/* 3: a function without ACS pulls the others in. */
static void test_function_peer(void)
{
        static const Part parts[] = {
                {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = EP, .acs = ON, .multifunction = true},
                {"01:00.1", "00:1c.0", .type = EP, .acs = ON},
                {"01:00.2", "00:1c.0", .type = EP},
                {"00:1d.0", .type = RP, .acs = ON},
                {"02:00.0", "00:1d.0", .type = EP, .acs = ON, .multifunction = true},
                {"02:00.1", "00:1d.0", .type = EP, .acs = ON},
        };
        static const Part ari[] = {
                {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = EP, .acs = ON, .multifunction = true},
                {"01:01.0", "00:1c.0", .type = EP},
        };

        EXPECT(parts, "00:1c.0 | 00:1d.0 | 01:00.0 01:00.1 01:00.2 | 02:00.0 | 02:00.1", "01:00.0",
               "function-peer function-peer");
        expect_sentence(parts, ARRAY_SIZE(parts), REASON_FUNCTION_PEER,
                        "A write from 0000:01:00.2, which does not redirect requests (no RR), "
                        "reaches 0000:01:00.0 inside their common device.");
        EXPECT(ari, "00:1c.0 | 01:00.0 01:01.0", "01:00.0", "function-peer");
}

/* 7: root ports of one slot, and the devices below them. */
static void test_root_ports(void)
{
        static const Part parts[] = {
                {"00:1c.0", .type = RP, .acs = ON, .multifunction = true},
                {"00:1c.1", .type = RP},
                {"00:1d.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = EP},
                {"02:00.0", "00:1c.1", .type = EP},
                {"03:00.0", "00:1d.0", .type = EP},
        };

        EXPECT(parts, "00:1c.0 00:1c.1 01:00.0 02:00.0 | 00:1d.0 | 03:00.0", "02:00.0",
               "upstream-acs function-peer root-port-peer");
        expect_sentence(parts, ARRAY_SIZE(parts), REASON_ROOT_PORT_PEER,
                        "A write from 0000:02:00.0 at root port 0000:00:1c.1, which does not "
                        "redirect requests (no RR), is routed to the other root ports of its slot "
                        "and reaches 0000:01:00.0.");
}

/* 8: only ACS that is there and off says that functions talk. */
static void test_virtual_functions(void)
{
        static const Part off[] = {
                {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = EP, .acs = PART_ACS_OFF},
                {"01:10.0", "00:1c.0", .type = EP, .physfn = "01:00.0"},
                {"01:10.2", "00:1c.0", .type = EP, .physfn = "01:00.0"},
        };
        static const Part vf_off[] = {
                {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = EP},
                {"01:10.0", "00:1c.0", .type = EP, .physfn = "01:00.0"},
                {"01:10.2", "00:1c.0", .type = EP, .acs = PART_ACS_OFF, .physfn = "01:00.0"},
        };
        static const Part none[] = {
                {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = EP},
                {"01:10.0", "00:1c.0", .type = EP, .physfn = "01:00.0"},
        };

        /* A row that denies what ACS says: with or without ACS, they do not reach each other. */
        static const Part denied[] = {
                {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = EP, .acs = ON, .vendor = 0x8088, .device = 0x0110},
                {"01:10.0", "00:1c.0", .type = EP, .physfn = "01:00.0"},
        };

        EXPECT(denied, "00:1c.0 | 01:00.0 | 01:10.0", "01:10.0", "");
        EXPECT(off, "00:1c.0 | 01:00.0 01:10.0 01:10.2", "01:10.2",
               "virtual-function virtual-function");
        expect_sentence(off, ARRAY_SIZE(off), REASON_VIRTUAL_FUNCTION,
                        "A write from 0000:01:00.0, which has ACS but does not redirect requests "
                        "(no RR), reaches 0000:01:10.0 inside their SR-IOV device.");
        EXPECT(vf_off, "00:1c.0 | 01:00.0 01:10.0 01:10.2", "01:10.0",
               "virtual-function virtual-function");
        EXPECT(none, "00:1c.0 | 01:00.0 | 01:10.0", "01:10.0", "");
}

/* A PF and a VMD endpoint that are only named: they may tie what names them, and their slot. */
static void test_missing_functions(void)
{
        static const Part vfs[] = {
                {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.1", "00:1c.0", .type = EP, .acs = ON},
                {"01:10.0", "00:1c.0", .type = EP, .physfn = "01:00.0"},
                {"01:10.2", "00:1c.0", .type = EP, .physfn = "01:00.0"},
        };
        static const Part vmd[] = {
                {"00:0e.1", .type = EP},
                {"00:0f.0", .type = EP},
                {"10000:00:01.0", .type = RP, .acs = ON, .real_dma = "00:0e.0"},
                {"10000:01:00.0", "10000:00:01.0", .type = EP, .real_dma = "00:0e.0"},
        };

        EXPECT(vfs, "00:1c.0 | 01:00.1 01:10.0 01:10.2", "01:10.0",
               "unknown-parent unknown-parent");
        expect_sentence(vfs, ARRAY_SIZE(vfs), REASON_UNKNOWN_PARENT,
                        "The input lacks the PF of 0000:01:10.0, so nothing shows that "
                        "0000:01:00.1 and 0000:01:10.0 are separate.");
        EXPECT(vmd, "00:0e.1 10000:00:01.0 10000:01:00.0 | 00:0f.0", "00:0e.1",
               "real-dma-device unknown-parent");
        expect_sentence(vmd, ARRAY_SIZE(vmd), REASON_UNKNOWN_PARENT,
                        "The input lacks the VMD endpoint above 10000:00:01.0, so nothing shows "
                        "that 10000:00:01.0 and 0000:00:0e.1 are separate.");
}

/* 1 and 2: a conventional bus is one whether or not the bridge keeps ids. */
static void test_shared_bus(void)
{
        static const Part parts[] = {
                {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = PCIE_TYPE_PCIE_TO_PCI, .vendor = 0x14e4,
                 .device = 0x9084},
                {"02:01.0", "01:00.0", .type = PCIE_TYPE_RC_ENDPOINT, .vendor = 0x8086},
        };
        static const Part absent[] = {
                {"00:03.0", .type = EP, .vendor = 0x8086, .device = 0x2260},
                {"00:10.0", .type = EP},
                {"00:11.0", .type = EP},
        };

        EXPECT(parts, "00:1c.0 | 01:00.0 02:01.0", "02:01.0", "upstream-acs");
        EXPECT(absent, "00:03.0 00:10.0 00:11.0", "00:03.0", "dma-alias dma-alias");
}

static void test_unknown(void)
{
        static const Part parts[] = {SWITCH(ON, PART_ACS_UNKNOWN)};
        static const Part vf[] = {
                {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = EP, .acs = PART_ACS_UNKNOWN},
                {"01:10.0", "00:1c.0", .type = EP, .physfn = "01:00.0"},
        };

        EXPECT(parts, "00:1c.0 01:00.0 02:00.0 02:01.0 03:00.0 04:00.0", "04:00.0",
               "upstream-acs switch-peer switch-peer turned-around forged-id");
        expect_sentence(parts, ARRAY_SIZE(parts), REASON_TURNED_AROUND,
                        "A request or completion from 0000:04:00.0 at downstream port 0000:02:01.0 "
                        "is turned around there (no CR|UF that could be read) and reaches "
                        "0000:01:00.0.");
        EXPECT(vf, "00:1c.0 | 01:00.0 01:10.0", "01:10.0", "virtual-function");
}

static void check_notes(const Part *parts, size_t n_parts, const char *bdf, unsigned assumes,
                        bool spoofable)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, n_parts);
        _cleanup_(partition_freep) Partition *sound = compute(snapshot, NULL);
        const Group *group = &sound->groups[sound->group_of[topology_find(snapshot, bdf)]];

        CHECK_NUMBER(group->assumes, assumes);
        CHECK_NUMBER(group->spoofable, spoofable);
}

static void test_notes(void)
{
        static const Part parts[] = {
                {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = EP},
                {"01:10.0", "00:1c.0", .type = EP, .physfn = "01:00.0"},
                {"00:1d.0", .type = RP, .acs = ACS_RR | ACS_CR | ACS_UF},
                {"02:00.0", "00:1d.0", .type = EP},
        };
        static const Part one[] = {
                {"00:1c.0", .type = RP, .acs = ON},
                {"01:00.0", "00:1c.0", .type = EP},
        };

        check_notes(parts, ARRAY_SIZE(parts), "00:1c.0", SOUND_ASSUMES_ROOT_COMPLEX, false);
        check_notes(parts, ARRAY_SIZE(parts), "01:00.0",
                    SOUND_ASSUMES_ROOT_COMPLEX | SOUND_ASSUMES_SRIOV, false);
        check_notes(parts, ARRAY_SIZE(parts), "01:10.0",
                    SOUND_ASSUMES_ROOT_COMPLEX | SOUND_ASSUMES_SRIOV, false);
        check_notes(parts, ARRAY_SIZE(parts), "02:00.0", SOUND_ASSUMES_ROOT_COMPLEX, true);
        check_notes(one, ARRAY_SIZE(one), "01:00.0", 0, false);
        CHECK_STRING(sound_assumption_to_string(SOUND_ASSUMES_ROOT_COMPLEX), "root-complex");
        CHECK_STRING(sound_assumption_to_string(SOUND_ASSUMES_SRIOV), "sriov");
        CHECK_STRING(sound_assumption_to_string(0), "");
}

int main(void)
{
        static const TapTest tests[] = {
                {"a switch that redirects", test_switch_redirects},
                {"a switch port without RR", test_switch_peer},
                {"a switch port without UF", test_turned_around},
                {"a switch port without SV", test_forged_id},
                {"a switch without ACS", test_switch_without_acs},
                {"a function without ACS", test_function_peer},
                {"root ports in one slot", test_root_ports},
                {"virtual functions", test_virtual_functions},
                {"functions that are only named", test_missing_functions},
                {"conventional buses and aliases", test_shared_bus},
                {"what is unknown joins", test_unknown},
                {"assumptions and findings", test_notes},
        };

        return tap_run(tests);
}
