/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Which devices a policy reserves, on a machine with a two-function card, a lone one, and a bridge.
 */

#include "core/model/reserve.h"
#include "tap.h"
#include "topology.h"

static const Part parts[] = {
        {"00:01.0", .type = PCIE_TYPE_ROOT_PORT, .kernel_group = 2},
        {"01:00.0", "00:01.0", .type = PCIE_TYPE_ENDPOINT, .vendor = 0x10de, .device = 0x2484,
         .kernel_group = 2},
        {"01:00.1", "00:01.0", .type = PCIE_TYPE_ENDPOINT, .vendor = 0x10de, .device = 0x228b,
         .kernel_group = 2},
        {"00:1d.0", .type = PCIE_TYPE_ROOT_PORT, .acs = PART_ACS_ON, .kernel_group = 3},
        {"02:00.0", "00:1d.0", .type = PCIE_TYPE_ENDPOINT, .vendor = 0x8086, .device = 0x10d3,
         .kernel_group = 4},
        {"00:1f.0", .type = PART_PCI, .vendor = 0x8086, .device = 0x2918},
};

static char card[] = "0000:00/01.0/00.*", all[] = "*", origin[] = "50-lab.json: gpu0";

/* "0000:01:00.0=1 …": every device that a rule reserves, with its verdict. The caller frees it. */
static char *plan_text(const PolicyRule *rules, size_t n_rules)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        _cleanup_(reserve_plan_deinitp) ReservePlan plan = {0};
        PolicyRule copies[4];
        const Policy policy = {copies, n_rules};
        char text[512] = "";

        memcpy(copies, rules, n_rules * sizeof(*rules));
        if (!CHECK(reserve_plan(&policy, snapshot, &plan) == 0))
                return NULL;
        for (size_t i = 0; i < plan.n_reservations; i++) {
                const Reservation *each = &plan.reservations[i];
                char address[BDF_TEXT_SIZE];

                CHECK(each->rule >= copies && each->rule < copies + n_rules);
                (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s=%d",
                               i > 0 ? " " : "",
                               bdf_format(snapshot->devices[each->device].bdf, address) + 5,
                               (int)each->verdict);
        }
        return strdup(text);
}

static void expect(const PolicyRule *rules, size_t n_rules, const char *want)
{
        _cleanup_(freep) char *text = plan_text(rules, n_rules);

        CHECK_STRING(text, want);
}

static const PolicyReserve at_boot = {.at_boot = true};

static void test_what_matches(void)
{
        const PolicyRule by_path[] = {{.match.path = card, .reserve = at_boot}};
        const PolicyRule by_id[] = {{.match.vendor.is_set = true,
                                     .match.vendor.value = 0x8086,
                                     .match.device.is_set = true,
                                     .match.device.value = 0x10d3,
                                     .reserve = at_boot}};

        expect(by_path, 1, "01:00.0=1 01:00.1=1");
        expect(by_id, 1, "02:00.0=1");
        expect(by_id, 0, "");
        CHECK(reserve_is_asked(&(const Policy){(PolicyRule *)by_path, 1}));
        CHECK(!reserve_is_asked(&(const Policy){(PolicyRule *)by_path, 0}));
        CHECK(!reserve_is_asked(NULL));
}

/* As for a lease: the first matching rule decides, and a later one does not count. */
static void test_first_rule_decides(void)
{
        const PolicyRule plain_first[] = {
                {.match.device.is_set = true, .match.device.value = 0x228b},
                {.match.path = card, .reserve = at_boot},
        };
        const PolicyRule deny_first[] = {
                {.match.device.is_set = true, .match.device.value = 0x2484, .access.deny = true},
                {.match.path = card, .reserve = at_boot},
        };
        const PolicyRule denied[] = {{.match.path = card, .access.deny = true, .reserve = at_boot}};
        const PolicyRule plain[] = {{.match.path = card}};

        expect(plain_first, 2, "01:00.0=1");
        expect(deny_first, 2, "01:00.1=1");
        expect(denied, 1, "");
        expect(plain, 1, "");
        CHECK(!reserve_is_asked(&(const Policy){(PolicyRule *)plain, 1}));
}

static void test_bridges(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        PolicyRule rule = {.match.path = all, .origin = origin, .reserve = at_boot};
        const Policy policy = {&rule, 1};
        size_t isa = topology_find(snapshot, "00:1f.0"), port = topology_find(snapshot, "00:01.0");

        expect(&rule, 1, "00:01.0=2 00:1d.0=2 00:1f.0=1 01:00.0=1 01:00.1=1 02:00.0=1");

        /* A bridge whose configuration space was not read is recognized by its class. */
        snapshot->devices[isa].ids.class_code = 0x060100;
        snapshot->devices[isa].facts = (PciFacts){0};
        CHECK_NUMBER(reserve_judge(&policy, snapshot, isa, "", false).verdict, RESERVE_BRIDGE);
        snapshot->devices[port].ids.class_code = 0x020000;
        CHECK_NUMBER(reserve_judge(&policy, snapshot, port, "", false).verdict, RESERVE_BRIDGE);
}

static void test_fingerprint(void)
{
        PolicyRule rule = {.match.path = card, .origin = origin, .reserve = at_boot};
        PolicyReserve *reserve = &rule.reserve;

        reserve->vendor.is_set = true;
        reserve->vendor.value = 0x10de;
        reserve->n_members = 3; /* the port counts */
        expect(&rule, 1, "01:00.0=1 01:00.1=1");
        reserve->device.is_set = true;
        reserve->device.value = 0x2484;
        expect(&rule, 1, "01:00.0=1 01:00.1=3");
        reserve->vendor.value = 0x10df;
        expect(&rule, 1, "01:00.0=3 01:00.1=3");
        reserve->vendor.value = 0x10de;
        reserve->n_members = 2;
        expect(&rule, 1, "01:00.0=4 01:00.1=3");
        reserve->n_members = 4;
        expect(&rule, 1, "01:00.0=4 01:00.1=3");
        *reserve = (PolicyReserve){.at_boot = true, .n_members = 1};
        rule.match.path = all;
        expect(&rule, 1, "00:01.0=2 00:1d.0=2 00:1f.0=5 01:00.0=4 01:00.1=4 02:00.0=1");
}

/* As many groups as before but another one among them is a change; their order does not matter. */
static void test_ids(void)
{
        static uint32_t same[] = {0x10de228b, 0, 0x10de2484};
        static uint32_t others[] = {0x10de228b, 0, 0x10de2485};
        static uint32_t more[] = {0x10de228b, 0, 0x10de2484, 0x10de2484};
        PolicyRule rule = {.match.path = card, .origin = origin, .reserve = at_boot};
        PolicyReserve *reserve = &rule.reserve;

        reserve->ids = same;
        reserve->n_ids = ARRAY_SIZE(same);
        expect(&rule, 1, "01:00.0=1 01:00.1=1");
        reserve->n_members = 3;
        expect(&rule, 1, "01:00.0=1 01:00.1=1");
        reserve->ids = others;
        expect(&rule, 1, "01:00.0=4 01:00.1=4");
        reserve->n_members = 0;
        expect(&rule, 1, "01:00.0=4 01:00.1=4");
        reserve->ids = more;
        reserve->n_ids = ARRAY_SIZE(more);
        expect(&rule, 1, "01:00.0=4 01:00.1=4");
        reserve->ids = same;
        reserve->n_ids = 2;
        expect(&rule, 1, "01:00.0=4 01:00.1=4");
}

/* When a card is inserted, its first function appears before the second. */
static void test_arriving(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        PolicyRule rule = {.match.path = card, .reserve = {.at_boot = true, .n_members = 4}};
        const Policy policy = {&rule, 1};
        size_t device = topology_find(snapshot, "01:00.0");
        const char *path = "0000:00/01.0/00.0";

        CHECK_NUMBER(reserve_judge(&policy, snapshot, device, path, true).verdict, RESERVE_BLOCK);
        CHECK_NUMBER(reserve_judge(&policy, snapshot, device, path, false).verdict,
                     RESERVE_OTHER_GROUP);
        rule.reserve.n_members = 2;
        CHECK_NUMBER(reserve_judge(&policy, snapshot, device, path, true).verdict,
                     RESERVE_OTHER_GROUP);
}

static void expect_words(PolicyReserve reserve, const char *path, const char *device,
                         const char *want)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));
        PolicyRule rule = {.match.path = card, .origin = origin, .reserve = reserve};
        const Policy policy = {&rule, 1};
        Reservation reservation =
                reserve_judge(&policy, snapshot, topology_find(snapshot, device), path, false);
        _cleanup_(freep) char *text = reserve_describe(snapshot, &reservation);

        CHECK_STRING(text, want);
}

static void test_words(void)
{
        const char *path = "0000:00/01.0/00.0";

        expect_words((PolicyReserve){0}, path, "01:00.0",
                     "0000:01:00.0 is not reserved: no rule asks for it");
        expect_words(at_boot, path, "01:00.0",
                     "0000:01:00.0 is reserved by rule 50-lab.json: gpu0");
        expect_words(at_boot, path, "00:01.0",
                     "0000:00:01.0 is not reserved: it is a bridge, though rule 50-lab.json: gpu0 "
                     "matches it");
        expect_words((PolicyReserve){.at_boot = true, .device = {.is_set = true, .value = 0x2487}},
                     path, "01:00.0",
                     "0000:01:00.0 is not reserved: it is 10de:2484, and rule 50-lab.json: gpu0 "
                     "expects *:2487 there");
        expect_words((PolicyReserve){.at_boot = true, .n_members = 7}, path, "01:00.0",
                     "0000:01:00.0 is not reserved: its group has 3 members, and rule 50-lab.json: "
                     "gpu0 expects 7");
        expect_words((PolicyReserve){.at_boot = true, .n_members = 1}, path, "00:1f.0",
                     "0000:00:1f.0 is not reserved: rule 50-lab.json: gpu0 expects a group of 1 "
                     "members, and the kernel has it in none (is the IOMMU on?)");
}

int main(void)
{
        static const TapTest tests[] = {
                {"what a rule matches is reserved", test_what_matches},
                {"the first rule decides", test_first_rule_decides},
                {"bridges are never reserved", test_bridges},
                {"what is not as the fingerprint says is not reserved", test_fingerprint},
                {"nor what is among others", test_ids},
                {"an arriving device's group may grow", test_arriving},
                {"the reason in words", test_words},
        };

        return tap_run(tests);
}
