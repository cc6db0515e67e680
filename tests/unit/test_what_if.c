/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Changed machines: the groups they would have, and the changes that are refused.
 */

#include "core/model/what_if.h"
#include "tap.h"
#include "topology.h"

#define RP PCIE_TYPE_ROOT_PORT
#define UP PCIE_TYPE_UPSTREAM
#define DP PCIE_TYPE_DOWNSTREAM
#define EP PCIE_TYPE_ENDPOINT
#define ON PART_ACS_ON

/* A bad port with a two-function card and its VF, a good empty port, a switch card, a VMD's port.
 */
static const Part parts[] = {
        {"00:01.0", .type = RP, .kernel_group = 1},
        {"01:00.0", "00:01.0", .type = EP, .acs = ON, .multifunction = true, .kernel_group = 1},
        {"01:00.1", "00:01.0", .type = EP, .acs = ON, .kernel_group = 1},
        {"05:00.0", "00:01.0", .type = EP, .physfn = "01:00.1"},
        {"00:02.0", .type = RP, .acs = ON},
        {"00:03.0", .type = RP, .acs = ACS_SV | ACS_UF},
        {"02:00.0", "00:03.0", .type = UP},
        {"03:00.0", "02:00.0", .type = DP, .acs = ON},
        {"04:00.0", "03:00.0", .type = EP},
        {"00:0e.0", .type = PCIE_TYPE_RC_ENDPOINT},
        {"10000:04:06.0", .type = RP, .acs = ON, .real_dma = "00:0e.0"},
};

static Bdf address(const char *text)
{
        Bdf bdf = {0};

        CHECK(bdf_parse(text, &bdf));
        return bdf;
}

static void check_groups(const Snapshot *snapshot, const char *want)
{
        _cleanup_(partition_freep) Partition *partition = NULL;
        _cleanup_(freep) char *text = NULL;

        if (kernel_groups_compute(snapshot, &partition) < 0)
                abort();
        text = topology_text(snapshot, partition);
        CHECK_STRING(text, want);
}

static void test_move(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        _cleanup_(snapshot_freep) Snapshot *moved = NULL, *deep = NULL, *back = NULL;

        CHECK_NUMBER(what_if_move(snapshot, address("01:00.0"), address("00:02.0"), &moved), 0);
        check_groups(moved, "00:01.0 | 00:02.0 | 00:03.0 02:00.0 03:00.0 04:00.0 | "
                            "00:0e.0 10000:04:06.0 | 01:00.0 | 01:00.1 | 05:00.0");
        CHECK_NUMBER(moved->devices[topology_find(moved, "01:00.0")].kernel_group, -1);
        CHECK_NUMBER(moved->devices[topology_find(moved, "00:01.0")].kernel_group, 0);
        CHECK_NUMBER(moved->devices[topology_find(moved, "05:00.0")].physfn,
                     topology_find(moved, "01:00.1"));

        /* With all below it, into another domain, whose bus 4 is taken. */
        CHECK_NUMBER(what_if_move(snapshot, address("02:00.0"), address("10000:04:06.0"), &deep),
                     0);
        check_groups(deep, "00:01.0 01:00.0 01:00.1 05:00.0 | 00:02.0 | 00:03.0 | "
                           "00:0e.0 10000:01:00.0 10000:02:00.0 10000:03:00.0 10000:04:06.0");
        CHECK_NUMBER(deep->devices[topology_find(deep, "10000:02:00.0")].depth, 4);
        CHECK_NUMBER(what_if_move(deep, address("10000:01:00.0"), address("00:03.0"), &back), 0);
        CHECK_NUMBER(back->devices[topology_find(back, "00:03.0")].depth, 0);
        CHECK(!back->devices[topology_find(back, "00:03.0")].place.has_real_dma);
        CHECK_NUMBER(back->n_devices, snapshot->n_devices);
}

/* A port that knows its bus gives it to the card. */
static void test_bus_of_port(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        _cleanup_(snapshot_freep) Snapshot *moved = NULL;
        PciFacts *facts = &snapshot->devices[topology_find(snapshot, "00:02.0")].facts;

        facts->buses_known = TRISTATE_YES;
        facts->secondary_bus = 9;
        CHECK_NUMBER(what_if_move(snapshot, address("01:00.1"), address("00:02.0"), &moved), 0);
        CHECK_NUMBER(moved->devices[topology_find(moved, "09:00.0")].parent,
                     topology_find(moved, "00:02.0"));
}

static void test_no_move(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        static const struct {
                const char *card, *port;
                int want;
        } rows[] = {
                {"01:00.7", "00:02.0", WHAT_IF_E_NO_DEVICE},
                {"01:00.0", "00:12.0", WHAT_IF_E_NO_DEVICE},
                {"00:01.0", "00:02.0", WHAT_IF_E_NO_CARD},
                {"02:00.0", "03:00.0", WHAT_IF_E_LOOP},
                {"02:00.0", "02:00.0", WHAT_IF_E_LOOP},
                {"01:00.0", "02:00.0", WHAT_IF_E_NO_PORT},
                {"01:00.0", "00:0e.0", WHAT_IF_E_NO_PORT},
                {"01:00.0", "03:00.0", WHAT_IF_E_OCCUPIED},
                {"01:00.0", "00:01.0", 0}, /* its present place */
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(snapshot_freep) Snapshot *moved = NULL;

                CHECK_NUMBER(what_if_move(snapshot, address(rows[i].card), address(rows[i].port),
                                          &moved),
                             rows[i].want);
                CHECK((moved != NULL) == (rows[i].want == 0));
        }
}

/* A conventional bus holds several cards, one a slot. */
static void test_conventional(void)
{
        static const Part bus[] = {
                {"00:1e.0", .type = PCIE_TYPE_PCIE_TO_PCI},
                {"01:01.0", "00:1e.0", .type = PART_PCI},
                {"00:1f.0", .type = PCIE_TYPE_PCIE_TO_PCI},
                {"02:01.0", "00:1f.0", .type = PART_PCI},
                {"02:02.0", "00:1f.0", .type = PART_PCI},
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(bus, ARRAY_SIZE(bus));
        _cleanup_(snapshot_freep) Snapshot *moved = NULL, *clash = NULL;

        CHECK_NUMBER(what_if_move(snapshot, address("02:02.0"), address("00:1e.0"), &moved), 0);
        check_groups(moved, "00:1e.0 01:01.0 01:02.0 | 00:1f.0 02:01.0");
        CHECK_NUMBER(what_if_move(snapshot, address("02:01.0"), address("00:1e.0"), &clash),
                     WHAT_IF_E_OCCUPIED);
}

static void test_acs(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        _cleanup_(snapshot_freep) Snapshot *set = NULL, *two = NULL;
        const PciFacts *facts;

        /* DT and EC are not offered, RR and CR come on, SV goes off, UF stays. */
        CHECK_NUMBER(what_if_acs(snapshot, "11x11x0@0000:00:03.0", &set), 0);
        facts = &set->devices[topology_find(set, "00:03.0")].facts;
        CHECK_NUMBER(facts->acs.ctrl, ACS_UF | ACS_RR | ACS_CR);
        CHECK_NUMBER(facts->acs.dword4, (uint32_t)facts->acs.ctrl << 16 | facts->acs.cap);

        CHECK_NUMBER(what_if_acs(snapshot, "11xx@00:03.0;0xxxx@00:02.0", &two), 0);
        check_groups(two, "00:01.0 01:00.0 01:00.1 05:00.0 | 00:02.0 | 00:03.0 | "
                          "00:0e.0 10000:04:06.0 | 02:00.0 | 03:00.0 | 04:00.0");
        CHECK_NUMBER(two->devices[topology_find(two, "00:02.0")].facts.acs.ctrl,
                     ACS_SV | ACS_RR | ACS_CR);
        CHECK_NUMBER(snapshot->devices[topology_find(snapshot, "00:03.0")].facts.acs.ctrl,
                     ACS_SV | ACS_UF); /* the original is as it was */
}

static void test_dword_acs(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        _cleanup_(snapshot_freep) Snapshot *set = NULL;
        PciDevice *device = &snapshot->devices[topology_find(snapshot, "00:02.0")];

        device->ids.vendor = 0x8086;
        device->ids.device = 0xa110;
        device->facts.acs.dword4 = 0x1d;
        CHECK_NUMBER(what_if_acs(snapshot, "11111@00:02.0", &set), 0);
        CHECK_NUMBER(set->devices[topology_find(set, "00:02.0")].facts.acs.dword8, 0x1d);
        CHECK(acs_isolated(set, topology_find(set, "00:02.0"), NULL));
}

static void test_no_acs(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        static const struct {
                const char *spec;
                int want;
        } rows[] = {
                {"", WHAT_IF_E_MALFORMED},
                {"1", WHAT_IF_E_MALFORMED},
                {"@00:02.0", WHAT_IF_E_MALFORMED},
                {"1@", WHAT_IF_E_MALFORMED},
                {"2@00:02.0", WHAT_IF_E_MALFORMED},
                {"1x.@00:02.0", WHAT_IF_E_MALFORMED},
                {"11111111@00:02.0", WHAT_IF_E_MALFORMED},
                {"1@00:02.0;", WHAT_IF_E_MALFORMED},
                {"1@0000:00:02.0000000", WHAT_IF_E_MALFORMED},
                {"1;1@00:02.0", WHAT_IF_E_MALFORMED},
                {"1@00:12.0", WHAT_IF_E_NO_DEVICE},
                {"1@00:01.0", WHAT_IF_E_NO_ACS},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(snapshot_freep) Snapshot *set = NULL;

                CHECK_NUMBER(what_if_acs(snapshot, rows[i].spec, &set), rows[i].want);
                CHECK(!set);
        }
}

static void test_override(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        _cleanup_(snapshot_freep) Snapshot *down = NULL, *all = NULL;
        static const char *const wrong[] = {"",
                                            ",",
                                            "downstream,",
                                            "all",
                                            "downstream multifunction",
                                            "id:8086",
                                            "id:80860x10d3",
                                            "downstreams"};

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                _cleanup_(snapshot_freep) Snapshot *none = NULL;

                CHECK_NUMBER(what_if_override(snapshot, wrong[i], &none), WHAT_IF_E_NO_OVERRIDE);
        }
        /* The port without ACS isolates itself then; ports that have ACS stay as they are. */
        CHECK_NUMBER(what_if_override(snapshot, "downstream", &down), 0);
        CHECK(acs_isolated(down, topology_find(down, "00:01.0"), NULL));
        CHECK(!acs_isolated(down, topology_find(down, "00:03.0"), NULL));
        CHECK(!acs_isolated(snapshot, topology_find(snapshot, "00:01.0"), NULL));
        CHECK_NUMBER(what_if_override(snapshot, "multifunction,id:ffff:0001", &all), 0);
        CHECK(!acs_isolated(all, topology_find(all, "00:01.0"), NULL));
}

static int32_t group_at(const Snapshot *snapshot, Bdf bdf)
{
        size_t index = snapshot_find(snapshot, bdf);

        return index == SNAPSHOT_NONE ? -2 : snapshot->devices[index].kernel_group;
}

/* Existing groups stay, even if the rules would now make others. */
static void test_add(void)
{
        static const Part running[] = {
                {"00:01.0", .type = RP, .acs = ON, .kernel_group = 1},
                {"00:02.0", .type = RP, .kernel_group = 8},
                {"00:03.0", .type = RP, .acs = ON},
                {"00:04.0", .type = PART_PCI, .kernel_group = 3},
                {"00:05.0", .type = PCIE_TYPE_PCIE_TO_PCI, .kernel_group = 5},
                {"05:00.0", "00:05.0", .type = PART_PCI, .kernel_group = 8},
                {"00:06.0", .type = RP, .kernel_group = 6},
                {"06:00.0", "00:06.0", .type = EP, .kernel_group = 6},
        };
        static const struct {
                const char *port, *card;
                int want, group;
        } rows[] = {
                {"00:01.0", "01:00.0", 0, 8}, /* the next number: it is alone */
                {"00:02.0", "01:00.0", 0, 7},
                {"00:03.0", "01:00.0", 0, -1}, /* no IOMMU covers it */
                {"00:05.0", "05:01.0", 0, 4},  /* the bridge's, not that of its neighbour */
                {"00:04.0", NULL, WHAT_IF_E_NO_PORT, 0},
                {"00:06.0", NULL, WHAT_IF_E_OCCUPIED, 0},
                {"00:09.0", NULL, WHAT_IF_E_NO_DEVICE, 0},
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(running, ARRAY_SIZE(running));

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(snapshot_freep) Snapshot *grown = NULL;
                Bdf card;

                CHECK_NUMBER(what_if_add(snapshot, address(rows[i].port), &grown, &card),
                             rows[i].want);
                if (rows[i].want != 0) {
                        CHECK(!grown);
                        continue;
                }
                if (!CHECK(grown && grown->n_devices == snapshot->n_devices + 1))
                        continue;
                CHECK(bdf_equal(card, address(rows[i].card)));
                CHECK_NUMBER(group_at(grown, card), rows[i].group);
                CHECK_NUMBER(group_at(grown, address("05:00.0")), 7);
        }
}

static void test_remove(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        _cleanup_(snapshot_freep) Snapshot *physfn = NULL, *port = NULL, *none = NULL;

        CHECK_NUMBER(what_if_remove(snapshot, address("01:00.1"), &physfn), 0);
        CHECK_NUMBER(physfn->n_devices, snapshot->n_devices - 2);
        CHECK(snapshot_find(physfn, address("05:00.0")) == SNAPSHOT_NONE);
        CHECK_NUMBER(what_if_remove(snapshot, address("00:03.0"), &port), 0);
        check_groups(port, "00:01.0 01:00.0 01:00.1 05:00.0 | 00:02.0 | 00:0e.0 10000:04:06.0");
        CHECK_NUMBER(what_if_remove(snapshot, address("00:1f.0"), &none), WHAT_IF_E_NO_DEVICE);
}

static void test_errors(void)
{
        for (int i = 1; i < _WHAT_IF_N; i++)
                CHECK(what_if_error_to_string(i)[0] != '\0');
        CHECK_STRING(what_if_error_to_string(0), "");
        CHECK_STRING(what_if_error_to_string(-12), "");
        CHECK_STRING(what_if_error_to_string(_WHAT_IF_N), "");
}

int main(void)
{
        static const TapTest tests[] = {
                {"a card in another slot", test_move},
                {"the bus of the port", test_bus_of_port},
                {"moves that cannot be", test_no_move},
                {"cards on a conventional bus", test_conventional},
                {"ACS bits", test_acs},
                {"ACS bits in dword registers", test_dword_acs},
                {"ACS that cannot be set", test_no_acs},
                {"the override patch", test_override},
                {"a card added", test_add},
                {"a function removed", test_remove},
                {"errors in words", test_errors},
        };

        return tap_run(tests);
}
