/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Verdicts of hand-made rules, and the glob.
 */

#include "core/model/policy.h"
#include "tap.h"

static void test_glob(void)
{
        static const struct {
                const char *pattern, *text;
                bool matches;
        } rows[] = {
                {"", "", true},
                {"", "a", false},
                {"*", "", true},
                {"*", "abc", true},
                {"?", "", false},
                {"?", "a", true},
                {"a?c", "abc", true},
                {"a*c", "ac", true},
                {"a*c", "abbbc", true},
                {"a*c", "abbbd", false},
                {"*b*", "abc", true},
                {"*b*", "ac", false},
                {"a**c", "abc", true},
                {"*abab", "ababab", true},
                {"abc", "ab", false},
                {"ab", "abc", false},
                {"[a]", "a", false},
                {"[a]", "[a]", true},
                {"0000:00/02.*", "0000:00/02.1/00.0", true},
                {"0000:00/02.?", "0000:00/02.1/00.0", false},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (!CHECK(policy_glob(rows[i].pattern, rows[i].text) == rows[i].matches))
                        printf("# %s against %s\n", rows[i].pattern, rows[i].text);
}

/* A naive glob takes exponential time; this one takes the product of the lengths. */
static void test_glob_bounded(void)
{
        char pattern[2001], text[20001];

        for (size_t i = 0; i < 2000; i += 2)
                memcpy(pattern + i, "a*", 2);
        pattern[1999] = 'b';
        pattern[2000] = '\0';
        memset(text, 'a', 20000);
        text[20000] = '\0';
        CHECK(!policy_glob(pattern, text));
        text[19999] = 'b';
        CHECK(policy_glob(pattern, text));
}

static void test_modes(void)
{
        for (int i = LEASE_MODE_NONE + 1; i < _LEASE_MODE_N; i++)
                CHECK_NUMBER(lease_mode_from_string(lease_mode_to_string((LeaseMode)i)), i);
        CHECK_NUMBER(lease_mode_from_string("none"), LEASE_MODE_NONE);
        CHECK_NUMBER(lease_mode_from_string("VFIO"), LEASE_MODE_NONE);
        CHECK_STRING(lease_mode_to_string(LEASE_MODE_VFIO), "vfio");
        CHECK_STRING(lease_mode_to_string(LEASE_MODE_GROUP_FD), "group-fd");
        CHECK(lease_mode_claims(LEASE_MODE_VFIO) && lease_mode_claims(LEASE_MODE_IOMMUFD));
        CHECK(!lease_mode_claims(LEASE_MODE_PATH) && !lease_mode_claims(LEASE_MODE_NONE));
        CHECK_STRING(lease_mode_to_string(_LEASE_MODE_N), "none");
}

static uid_t lab[] = {1000};
static gid_t vfio[] = {44, 45};
static char bridges[] = "0000:00/1c.*", low[] = "0000:0?:*";

static PolicyRule rules[] = {
        {.match.class_value = 0x060000, .match.class_mask = 0xff0000, .access.deny = true},
        {.match.vendor.is_set = true,
         .match.vendor.value = 0x1234,
         .match.device.is_set = true,
         .match.device.value = 0x11e8,
         .access.uids = lab,
         .access.n_uids = 1,
         .access.modes = 1U << LEASE_MODE_VFIO},
        {.match.path = bridges, .access.gids = vfio, .access.n_gids = 2},
        {.match.vendor.is_set = true,
         .match.vendor.value = 0x1234,
         .access.uids = lab,
         .access.n_uids = 1},
        {.match.address = low},
};
static const Policy policy = {rules, ARRAY_SIZE(rules)};

static PolicyVerdict ask(uid_t uid, gid_t gid, LeaseMode mode, const PciDevice *device,
                         const char *path)
{
        PolicyRequest request = {.uid = uid, .gids = &gid, .n_gids = 1, .mode = mode};
        const Snapshot snapshot = {.devices = (PciDevice *)device, .n_devices = 1};
        const PolicySubject subject = {&snapshot, 0, path};

        return policy_check(&policy, &subject, &request);
}

static void test_check(void)
{
        PciDevice edu = {.ids.vendor = 0x1234, .ids.device = 0x11e8, .ids.class_code = 0x00ff00};
        PciDevice bridge = {.ids.vendor = 0x1234, .ids.device = 0x11e8, .ids.class_code = 0x060400};
        PciDevice other = {.ids.vendor = 0x8086, .bdf = {0, 0x10, 0}};
        PolicyVerdict verdict;

        verdict = ask(1000, 5, LEASE_MODE_VFIO, &edu, "0000:00/05.0");
        CHECK(verdict.allowed && verdict.rule == &rules[1] && !verdict.mode_refused);
        verdict = ask(1000, 5, LEASE_MODE_IOMMUFD, &edu, "0000:00/05.0");
        CHECK(!verdict.allowed && verdict.rule == &rules[1] && verdict.mode_refused);
        verdict = ask(1000, 5, LEASE_MODE_NONE, &edu, "0000:00/05.0");
        CHECK(verdict.allowed);
        /* The first rule that matches decides, even if the fourth would allow. */
        verdict = ask(1001, 5, LEASE_MODE_VFIO, &edu, "0000:00/05.0");
        CHECK(!verdict.allowed && verdict.rule == &rules[1] && !verdict.mode_refused);
        verdict = ask(1001, 45, LEASE_MODE_IOMMUFD, &other, "0000:00/1c.4/00.0");
        CHECK(verdict.allowed && verdict.rule == &rules[2]);
        /*
         * A rule that allows bound devices also allows unbound ones; not the reverse, nor by path.
         */
        rules[1].access.modes = 1U << LEASE_MODE_IOMMUFD;
        CHECK(ask(1000, 5, LEASE_MODE_IOMMUFD_UNBOUND, &edu, "0000:00/05.0").allowed);
        CHECK(!ask(1000, 5, LEASE_MODE_PATH, &edu, "0000:00/05.0").allowed);
        rules[1].access.modes = 1U << LEASE_MODE_IOMMUFD_UNBOUND;
        CHECK(!ask(1000, 5, LEASE_MODE_IOMMUFD, &edu, "0000:00/05.0").allowed);
        rules[1].access.modes = 1U << LEASE_MODE_VFIO;
        verdict = ask(1001, 45, LEASE_MODE_IOMMUFD, &bridge, "0000:00/1c.4/00.0");
        CHECK(!verdict.allowed && verdict.rule == &rules[0]);
        /* A rule that names no user is for root. */
        other.bdf.bus = 1;
        verdict = ask(1000, 44, LEASE_MODE_VFIO, &other, "0000:00/1d.0");
        CHECK(!verdict.allowed && verdict.rule == &rules[4]);
        CHECK(ask(0, 44, LEASE_MODE_VFIO, &other, "0000:00/1d.0").allowed);
}

static void test_root(void)
{
        PciDevice other = {.ids.vendor = 0x8086, .bdf = {0, 0x10, 0}};
        PciDevice bridge = {.ids.class_code = 0x060400};
        PolicyRequest request = {.uid = 0, .mode = LEASE_MODE_VFIO};
        PolicyVerdict verdict;

        verdict = ask(0, 0, LEASE_MODE_VFIO, &other, "0000:00/05.0");
        CHECK(verdict.allowed && !verdict.rule);
        verdict = ask(1000, 0, LEASE_MODE_VFIO, &other, "0000:00/05.0");
        CHECK(!verdict.allowed && !verdict.rule);
        verdict = ask(0, 0, LEASE_MODE_VFIO, &bridge, "0000:00/05.0");
        CHECK(!verdict.allowed && verdict.rule == &rules[0]);
        const Snapshot snapshots[] = {{.devices = &bridge, .n_devices = 1},
                                      {.devices = &other, .n_devices = 1}};
        const PolicySubject a_bridge = {&snapshots[0], 0, ""};
        const PolicySubject another = {&snapshots[1], 0, "0000:00/05.0"};

        CHECK(policy_find_rule(&policy, &a_bridge) == &rules[0]);
        CHECK(!policy_find_rule(&policy, &another));
        CHECK(!policy_find_rule(NULL, &a_bridge));
        CHECK(policy_check(NULL, &a_bridge, &request).allowed);
        request.uid = 1000;
        CHECK(!policy_check(NULL, &a_bridge, &request).allowed);
}

int main(void)
{
        static const TapTest tests[] = {
                {"globs", test_glob},
                {"globs take bounded time", test_glob_bounded},
                {"modes", test_modes},
                {"the first rule that matches decides", test_check},
                {"root and the default", test_root},
        };

        return tap_run(tests);
}
