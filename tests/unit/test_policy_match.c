/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Each criterion of a rule, about devices and about the caller: what matches, what does not, and
 * what is unknown.
 */

#include "core/model/policy.h"
#include "core/probe/policy_json.h"
#include "tap.h"
#include "topology.h"

#define MEMBERS 5

/* A card of two functions in slot 4-1, a VF of its first; one in another group, in no slot. */
static PciDevice devices[MEMBERS];
static PciSlot slots[] = {
        {.name = "4-1", .bdf = {.bus = 1}},
        {.name = "5", .bdf = {.bus = 9}},
};
static Snapshot snapshot = {
        .devices = devices,
        .n_devices = MEMBERS,
        .slots = slots,
        .n_slots = ARRAY_SIZE(slots),
};

static void build(void)
{
        for (size_t i = 0; i < MEMBERS; i++)
                devices[i] = (PciDevice){
                        .bdf = {.bus = 1, .devfn = (uint8_t)i},
                        .ids.vendor = 0x8086,
                        .ids.device = 0x1572,
                        .ids.class_code = 0x020000,
                        .parent = SNAPSHOT_NONE,
                        .physfn = SNAPSHOT_NONE,
                        .kernel_group = 5,
                };
        devices[2].place.is_vf = true;
        devices[2].physfn = 0;
        devices[2].bdf = (Bdf){.bus = 2};
        devices[3].bdf = (Bdf){.bus = 3};
        devices[3].kernel_group = 6;
        devices[4].bdf = (Bdf){.bus = 4};
        devices[4].parent = 1;
        devices[4].kernel_group = -1;
}

/* "+" for a device that the rule matches, "-" for one that it does not, "?" for one that it may. */
static void expect(const char *match, const char *want)
{
        _cleanup_(policy_freep) Policy *policy = calloc(1, sizeof(*policy));
        _cleanup_(freep) char *message = NULL;
        char text[512], found[MEMBERS + 1] = "";

        (void)snprintf(text, sizeof(text), "{\"rules\":[{\"match\":%s,\"lease\":{}}]}", match);
        if (!CHECK(policy_parse(policy, "p.json", text, strlen(text), &message) == 0)) {
                printf("# %s\n", message ? message : "(no message)");
                return;
        }
        for (size_t i = 0; i < MEMBERS; i++) {
                const PolicySubject subject = {&snapshot, i, "0000:00/1c.4/00.0"};
                Tristate matches = policy_rule_matches(&policy->rules[0], &subject);

                found[i] = matches == TRISTATE_YES ? '+' : matches == TRISTATE_NO ? '-' : '?';
                CHECK((policy_find_rule(policy, &subject) != NULL) == (matches == TRISTATE_YES));
        }
        if (!CHECK(strcmp(found, want) == 0))
                printf("# %s: %s, not %s\n", match, found, want);
}

static void test_ids(void)
{
        build();
        devices[1].ids.subsystem_vendor = 0x1028;
        devices[1].ids.subsystem_device = 0x1f9c;
        devices[3].ids.subsystem_vendor = 0x1028;
        expect("{}", "+++++");
        expect("{\"subsystem_vendor\":\"1028\"}", "-+-+-");
        expect("{\"subsystem_vendor\":\"1028\",\"subsystem_device\":\"1f9c\"}", "-+---");
        expect("{\"subsystem_device\":\"0\"}", "+-+++");
}

/* Devices below a card, and its virtual functions, are in the card's slot. */
static void test_slot(void)
{
        build();
        expect("{\"slot\":\"4-1\"}", "+++-+");
        expect("{\"slot\":\"4-*\"}", "+++-+");
        expect("{\"slot\":\"5\"}", "-----");
        expect("{\"slot\":\"\"}", "-----");
        /* Two functions that each claim to be the other's VF, in a forged machine. */
        devices[0].place.is_vf = true;
        devices[0].physfn = 2;
        expect("{\"slot\":\"5\"}", "-----");
}

static void test_serial(void)
{
        build();
        devices[0].facts.serial = devices[1].facts.serial = TRISTATE_YES;
        devices[0].facts.serial_number = 0x001b21ffff3a4c5d;
        devices[2].facts.serial = TRISTATE_NO;
        expect("{\"serial\":\"00-1b-21-ff-ff-3A-4c-5d\"}", "+--??");
        expect("{\"serial\":\"00-1b-21-ff-ff-3A-4c-5d\",\"vendor\":\"1\"}", "-----");
}

static void test_driver(void)
{
        build();
        (void)snprintf(devices[1].sysfs.driver, sizeof(devices[1].sysfs.driver), "i40e");
        expect("{\"driver\":\"i40e\"}", "-+---");
        expect("{\"driver\":\"?*\"}", "-+---");
        expect("{\"driver\":\"\"}", "+-+++");
        snapshot.without_drivers = true;
        expect("{\"driver\":\"\"}", "-----");
        snapshot.without_drivers = false;
}

static void test_attachment(void)
{
        const Policy none = {.rules = NULL};
        PolicyRule rule = {.match.removable = TRISTATE_NO};
        const Policy one = {.rules = &rule, .n_rules = 1};

        build();
        devices[0].sysfs.removable = TRISTATE_YES;
        devices[1].sysfs.removable = TRISTATE_NO;
        expect("{\"removable\":true}", "+----");
        expect("{\"removable\":false}", "-+---");
        devices[2].sysfs.has_numa_node = devices[3].sysfs.has_numa_node = true;
        devices[3].sysfs.numa_node = 1;
        expect("{\"numa_node\":0}", "--+--");
        expect("{\"numa_node\":1}", "---+-");

        CHECK(!policy_asks_attachment(NULL) && !policy_asks_attachment(&none));
        CHECK(policy_asks_attachment(&one));
        rule = (PolicyRule){.match.has_serial = true};
        CHECK(!policy_asks_attachment(&one));
        rule.match.numa_node.is_set = true;
        CHECK(policy_asks_attachment(&one));
}

static void test_group_size(void)
{
        build();
        expect("{\"group_size\":{\"max\":2}}", "---+-");
        expect("{\"group_size\":{\"min\":2}}", "+++--");
        expect("{\"group_size\":{\"min\":3,\"max\":3}}", "+++--");
        expect("{\"group_size\":{\"min\":1}}", "++++-");
}

static void expect_who(const char *lease, const PolicyRequest *request, const char *want)
{
        _cleanup_(policy_freep) Policy *policy = calloc(1, sizeof(*policy));
        _cleanup_(freep) char *message = NULL, *refusal = NULL;
        const PolicySubject subject = {&snapshot, 0, ""};
        char text[512];

        (void)snprintf(text, sizeof(text), "{\"rules\":[{\"match\":{},\"lease\":%s}]}", lease);
        if (!CHECK(policy_parse(policy, "p.json", text, strlen(text), &message) == 0)) {
                printf("# %s\n", message ? message : "(no message)");
                return;
        }
        PolicyVerdict verdict = policy_check(policy, &subject, request);
        refusal = policy_describe_refusal(&verdict, &subject, request);
        CHECK_STRING(verdict.allowed ? "allowed" : refusal, want);
}

#define REFUSED "0000:01:00.0: policy rule p.json:1: rule 1 "

static void test_unit(void)
{
        const PolicyRequest vm = {.uid = 7, .unit = "vm@1.service", .mode = LEASE_MODE_VFIO};
        const PolicyRequest plain = {.uid = 7, .unit = "", .mode = LEASE_MODE_VFIO};
        const PolicyRequest root = {.uid = 0};

        build();
        expect_who("{\"units\":[\"a.service\",\"vm@*.service\"]}", &vm, "allowed");
        expect_who("{\"units\":[\"vm@*.service\"],\"users\":[7]}", &vm, "allowed");
        expect_who("{\"units\":[\"vm@*.service\"],\"users\":[8]}", &vm,
                   REFUSED "does not name you");
        expect_who("{\"units\":[\"a.service\"]}", &vm,
                   REFUSED "is not for what runs in vm@1.service");
        expect_who("{\"units\":[\"*\"],\"users\":[7]}", &plain,
                   REFUSED "is not for what runs in no unit");
        expect_who("{\"units\":[\"a.service\"]}", &root, "allowed");
        expect_who("{}", &vm, REFUSED "does not name you");
        expect_who("{\"users\":[7],\"modes\":[\"path\"]}", &vm, REFUSED "does not allow mode vfio");
        expect_who("\"deny\"", &root, REFUSED "denies all leases of it");
}

static void test_label(void)
{
        const PolicyRequest labelled = {.uid = 7, .label = "system_u:system_r:svirt_t:s0"};
        const PolicyRequest plain = {.uid = 7};

        build();
        expect_who("{\"labels\":[\"*:svirt_t:*\"]}", &labelled, "allowed");
        expect_who("{\"labels\":[\"*:svirt_t:*\"],\"units\":[\"*\"]}", &labelled,
                   REFUSED "is not for what runs in no unit");
        expect_who("{\"labels\":[\"unconfined\"],\"users\":[7]}", &labelled,
                   REFUSED "is not for the security label system_u:system_r:svirt_t:s0");
        expect_who("{\"labels\":[\"*\"],\"users\":[7]}", &plain,
                   REFUSED "is not for the security label (none)");
}

int main(void)
{
        static const TapTest tests[] = {
                {"ids", test_ids},
                {"slots", test_slot},
                {"serial numbers", test_serial},
                {"drivers", test_driver},
                {"what it is attached to", test_attachment},
                {"the size of its group", test_group_size},
                {"units", test_unit},
                {"security labels", test_label},
        };

        return tap_run(tests);
}
