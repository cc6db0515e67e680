/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Policy files: valid ones are understood, and any other is refused with the place of the mistake.
 */

#include "core/probe/policy_json.h"
#include "tap.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static void expect_refusal(const char *text, const char *want)
{
        _cleanup_(policy_freep) Policy *policy = calloc(1, sizeof(*policy));
        _cleanup_(freep) char *message = NULL;

        CHECK_NUMBER(policy_parse(policy, "p.json", text, strlen(text), &message),
                     POLICY_E_INVALID);
        CHECK_STRING(message, want);
}

static Policy *expect_policy(const char *text)
{
        Policy *policy = calloc(1, sizeof(*policy));
        _cleanup_(freep) char *message = NULL;

        if (!CHECK(policy_parse(policy, "p.json", text, strlen(text), &message) == 0))
                printf("# %s\n", message ? message : "(no message)");
        return policy;
}

static void test_good(void)
{
        _cleanup_(policy_freep) Policy *policy = expect_policy(
                "{ // a comment with \"quotes\" and /* more\n"
                "  \"rules\": [ /* one\n     and two */\n"
                "    { \"name\": \"edu // no comment\", \"match\": { \"vendor\": \"0x1234\",\n"
                "      \"device\": \"11E8\", \"class\": \"0200\", \"path\": \"0000:00/02.*\",\n"
                "      \"address\": \"0000:01:*\" },\n"
                "      \"lease\": { \"users\": [\"root\", 1000], \"groups\": [\"root\"],\n"
                "                 \"modes\": [\"vfio\", \"iommufd\"],\n"
                "                 \"exclusive_process\": true, \"revoke_grace\": 3,\n"
                "                 \"cooldown\": 5 } },\n"
                "    { \"match\": {}, \"lease\": \"deny\" }\n  ]\n}\n");
        const PolicyRule *rule = policy->rules;

        if (!CHECK(policy->n_rules == 2))
                return;
        CHECK_STRING(rule->name, "edu // no comment");
        CHECK_STRING(rule->origin, "p.json:4: edu // no comment");
        CHECK(rule->match.vendor.is_set && rule->match.vendor.value == 0x1234);
        CHECK(rule->match.device.is_set && rule->match.device.value == 0x11e8);
        CHECK(rule->match.class_value == 0x020000 && rule->match.class_mask == 0xffff00);
        CHECK_STRING(rule->match.path, "0000:00/02.*");
        CHECK_STRING(rule->match.address, "0000:01:*");
        CHECK(!rule->access.deny && rule->access.n_uids == 2 && rule->access.uids[0] == 0 &&
              rule->access.uids[1] == 1000);
        CHECK(rule->access.n_gids == 1 && rule->access.gids[0] == 0);
        CHECK_NUMBER(rule->access.modes, 1U << LEASE_MODE_VFIO | 1U << LEASE_MODE_IOMMUFD);
        CHECK(rule->terms.exclusive_process && !rule[1].terms.exclusive_process);
        CHECK_NUMBER(rule->terms.revoke_grace, 3);
        CHECK_NUMBER(rule[1].terms.revoke_grace, POLICY_GRACE_DEFAULT);
        CHECK(rule->terms.cooldown == 5 && rule[1].terms.cooldown == 0);
        CHECK(rule[1].access.deny);
        CHECK_STRING(rule[1].origin, "p.json:11: rule 2");
}

static void test_classes(void)
{
        static const struct {
                const char *text;
                uint32_t value, mask;
        } rows[] = {
                {"02", 0x020000, 0xff0000},       {"0200", 0x020000, 0xffff00},
                {"0x0c0330", 0x0c0330, 0xffffff}, {"network", 0x020000, 0xff0000},
                {"display", 0x030000, 0xff0000},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(policy_freep) Policy *policy = NULL;
                char text[128];

                (void)snprintf(text, sizeof(text),
                               "{\"rules\":[{\"match\":{\"class\":\"%s\"},\"lease\":\"deny\"}]}",
                               rows[i].text);
                policy = expect_policy(text);
                if (!CHECK(policy->n_rules == 1))
                        continue;
                CHECK_NUMBER(policy->rules[0].match.class_value, rows[i].value);
                CHECK_NUMBER(policy->rules[0].match.class_mask, rows[i].mask);
        }
}

static void test_syntax(void)
{
        expect_refusal("", "p.json:1:1: unexpected end of data");
        expect_refusal("{\n  \"rules\": [\n", "p.json:3:1: unexpected end of data");
        expect_refusal("{ /* never\n", "p.json:1:3: comment does not end");
        expect_refusal("{\n  \"rules\": [] }\n  x", "p.json:3:3: unexpected character");
        expect_refusal("{\n  \"rules\": [],\n}", "p.json:3:1: unexpected character");
        expect_refusal("{'rules': []}", "p.json:1:2: text is quoted with \"");
        expect_refusal("{\"rules\": null}", "p.json:1:11: null is not allowed as a value");
        expect_refusal("[]", "p.json:1:1: expected object, not array");
        expect_refusal("{}", "p.json:1:1: the file has no \"rules\"");
        expect_refusal("{\"rules\": [\"\\u0000\"]}", "p.json:1:12: text contains a NUL");
}

static void test_limits(void)
{
        _cleanup_(policy_freep) Policy *policy = calloc(1, sizeof(*policy));
        _cleanup_(freep) char *large = malloc((1 << 20) + 2), *message = NULL;
        size_t n;

        expect_refusal("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "p.json:1:17: nesting too deep");
        memset(large, ' ', (1 << 20) + 1);
        large[(1 << 20) + 1] = '\0';
        expect_refusal(large, "p.json: larger than 1048576 bytes");

        n = (size_t)snprintf(large, 32, "{\"rules\":[");
        for (int i = 0; i < 4097; i++)
                n += (size_t)snprintf(large + n, 64, "%s{\"match\":{},\"lease\":\"deny\"}",
                                      i ? "," : "");
        (void)snprintf(large + n, 8, "]}");
        expect_refusal(large, "p.json:1:10: more than 4096 rules");

        CHECK_NUMBER(policy_parse(policy, "p.json", "{\0}", 3, &message), POLICY_E_INVALID);
        CHECK_STRING(message, "p.json:1:2: the text contains a NUL");
}

/* A rule around the part that is wrong, at line 2. */
static void expect_rule_refusal(const char *rule, const char *want)
{
        char text[512], message[512];

        (void)snprintf(text, sizeof(text), "{ \"rules\": [\n%s\n] }", rule);
        (void)snprintf(message, sizeof(message), "p.json:2:%s", want);
        expect_refusal(text, message);
}

static void test_meaning(void)
{
        expect_refusal("{\"rules\":[],\n \"rulse\":[]}", "p.json:2:2: unknown key \"rulse\"; did you mean \"rules\"?");
        expect_rule_refusal("{\"match\":{\"vendr\":\"1\"},\"lease\":\"deny\"}",
                            "11: unknown key \"vendr\"; did you mean \"vendor\"?");
        expect_rule_refusal("{\"match\":{\"vendor\":1},\"lease\":\"deny\"}",
                            "20: expected string, not int");
        expect_rule_refusal("{\"match\":{\"vendor\":\"12345\"},\"lease\":\"deny\"}",
                            "20: \"12345\" is not a vendor id: use one to four hexadecimal digits");
        expect_rule_refusal("{\"match\":{\"class\":\"020\"},\"lease\":\"deny\"}",
                            "19: \"020\" is not a class: use two, four or six hexadecimal digits, or "
                            "the name of a base class");
        expect_rule_refusal("{\"match\":{}}", "1: the rule has no \"lease\"");
        expect_rule_refusal("{\"lease\":\"deny\"}", "1: the rule has no \"match\"");
        expect_rule_refusal("{\"match\":{},\"lease\":\"allow\"}",
                            "21: \"lease\" is an object or \"deny\"");
        expect_rule_refusal("{\"match\":{},\"lease\":[]}", "21: \"lease\" is an object or \"deny\"");
        expect_rule_refusal("{\"name\":\"\",\"match\":{},\"lease\":\"deny\"}",
                            "9: the name of a rule must not be empty");
        expect_rule_refusal("7", "1: expected object, not int");
}

static void test_lease_meaning(void)
{
        expect_rule_refusal("{\"match\":{},\"lease\":{\"users\":[\"no-such-user-here\"]}}",
                            "31: there is no user \"no-such-user-here\"");
        expect_rule_refusal("{\"match\":{},\"lease\":{\"groups\":[0, \"no-such-group\"]}}",
                            "35: there is no group \"no-such-group\"");
        expect_rule_refusal("{\"match\":{},\"lease\":{\"users\":[-1]}}",
                            "31: a user or group number is 0 to 4294967294");
        expect_rule_refusal("{\"match\":{},\"lease\":{\"users\":[4294967295]}}",
                            "31: a user or group number is 0 to 4294967294");
        expect_rule_refusal("{\"match\":{},\"lease\":{\"users\":[1.5]}}",
                            "31: expected string, not double");
        expect_rule_refusal("{\"match\":{},\"lease\":{\"users\":[]}}", "30: the list is empty");
        expect_rule_refusal("{\"match\":{},\"lease\":{\"modes\":[]}}", "30: the list is empty");
        expect_rule_refusal("{\"match\":{},\"lease\":{\"revoke_grace\":3601}}",
                            "37: a grace in seconds is 0 to 3600");
        expect_rule_refusal("{\"match\":{},\"lease\":{\"revoke_grace\":-1}}",
                            "37: a grace in seconds is 0 to 3600");
        expect_rule_refusal("{\"match\":{},\"lease\":{\"cooldown\":3601}}",
                            "33: a cooldown in seconds is 0 to 3600");
        expect_rule_refusal("{\"match\":{},\"lease\":{\"exclusive_process\":1}}",
                            "42: expected boolean, not int");
        expect_rule_refusal("{\"match\":{},\"lease\":{\"modes\":[\"vfoi\"]}}",
                            "31: unknown mode \"vfoi\": vfio, iommufd, iommufd-unbound, group-fd or "
                            "path; did you mean \"vfio\"?");
        expect_rule_refusal("{\"match\":{},\"lease\":{\"modes\":[\"none\"]}}",
                            "31: unknown mode \"none\": vfio, iommufd, iommufd-unbound, group-fd or "
                            "path");
}

static void test_reserve(void)
{
        _cleanup_(policy_freep) Policy *policy = expect_policy(
                "{\"rules\":[{\"match\":{},\"lease\":{},\"reserve\":{\"at\":\"boot\","
                "\"fingerprint\":{\"vendor\":\"10de\",\"device\":\"0x2484\",\"members\":3}}},"
                "{\"match\":{},\"reserve\":{\"at\":\"boot\",\"park\":true},\"lease\":{}},"
                "{\"match\":{},\"lease\":{}}]}");
        const PolicyReserve *reserve;

        if (!CHECK(policy->n_rules == 3))
                return;
        reserve = &policy->rules[0].reserve;
        CHECK(reserve->at_boot && reserve->vendor.is_set && reserve->device.is_set);
        CHECK(reserve->vendor.value == 0x10de && reserve->device.value == 0x2484 && reserve->n_members == 3);
        CHECK(!reserve->park);
        reserve = &policy->rules[1].reserve;
        CHECK(reserve->at_boot && !reserve->vendor.is_set && !reserve->device.is_set &&
              reserve->park);
        CHECK_NUMBER(reserve->n_members, 0);
        CHECK(!policy->rules[2].reserve.at_boot);
}

static void test_on_breach(void)
{
        static const PolicyBreach wanted[] = {POLICY_BREACH_REVOKE, POLICY_BREACH_QUARANTINE,
                                              POLICY_BREACH_KEEP, POLICY_BREACH_KEEP};
        _cleanup_(policy_freep) Policy *policy =
                expect_policy("{\"rules\":[{\"match\":{},\"lease\":{},\"on_breach\":\"revoke\"},"
                              "{\"match\":{},\"lease\":{},\"on_breach\":\"quarantine\"},"
                              "{\"match\":{},\"lease\":{},\"on_breach\":\"keep\"},"
                              "{\"match\":{},\"lease\":{}}]}");

        for (size_t i = 0; CHECK(policy->n_rules == 4) && i < ARRAY_SIZE(wanted); i++)
                CHECK_NUMBER(policy->rules[i].terms.on_breach, wanted[i]);
        expect_rule_refusal("{\"match\":{},\"lease\":{},\"on_breach\":\"revok\"}",
                            "36: unknown reaction \"revok\": keep, revoke or quarantine; "
                            "did you mean \"revoke\"?");
        expect_rule_refusal("{\"match\":{},\"lease\":{},\"on_breach\":1}",
                            "36: expected string, not int");
}

static void test_on_vf_loss(void)
{
        _cleanup_(policy_freep) Policy *policy =
                expect_policy("{\"rules\":[{\"match\":{},\"lease\":{},\"on_vf_loss\":\"recreate\"},"
                              "{\"match\":{},\"lease\":{},\"on_vf_loss\":\"keep\"},"
                              "{\"match\":{},\"lease\":{}}]}");
        static const PolicyVfLoss wanted[] = {
                POLICY_VF_LOSS_RECREATE,
                POLICY_VF_LOSS_KEEP,
                POLICY_VF_LOSS_KEEP,
        };

        for (size_t i = 0; CHECK(policy->n_rules == 3) && i < ARRAY_SIZE(wanted); i++)
                CHECK_NUMBER(policy->rules[i].terms.on_vf_loss, wanted[i]);
        expect_rule_refusal("{\"match\":{},\"lease\":{},\"on_vf_loss\":\"retry\"}",
                            "37: unknown reaction \"retry\": keep or recreate");
        expect_rule_refusal("{\"match\":{},\"lease\":{},\"on_vf_loss\":true}",
                            "37: expected string, not boolean");
}

static void test_require(void)
{
        _cleanup_(policy_freep) Policy *policy = expect_policy(
                "{\"rules\":[{\"match\":{},\"lease\":{},\"require\":{\"guard\":\"sealed\"},"
                "\"on_weaker\":\"revoke\",\"on_join\":\"expel\"},"
                "{\"match\":{},\"lease\":{},\"require\":{\"guard\":\"owned\"},\"on_join\":\"hold\"}"
                ","
                "{\"match\":{},\"lease\":{}}]}");

        if (!CHECK(policy->n_rules == 3))
                return;
        CHECK_NUMBER(policy->rules[0].require.guard, GUARD_SEALED);
        CHECK_NUMBER(policy->rules[0].require.on_weaker, POLICY_BREACH_REVOKE);
        CHECK_NUMBER(policy->rules[0].terms.on_join, POLICY_JOIN_EXPEL);
        CHECK_NUMBER(policy->rules[1].require.guard, GUARD_OWNED);
        CHECK_NUMBER(policy->rules[1].require.on_weaker, POLICY_BREACH_KEEP);
        CHECK_NUMBER(policy->rules[1].terms.on_join, POLICY_JOIN_HOLD);
        CHECK_NUMBER(policy->rules[2].require.guard, GUARD_NONE);
}

/* The devices' access to memory: the type of the group's domain, and the owner's memlock limit. */
static void test_memory(void)
{
        _cleanup_(policy_freep) Policy *policy = expect_policy(
                "{\"rules\":[{\"match\":{},\"lease\":{\"type\":\"DMA-FQ\"},"
                "\"require\":{\"memlock\":true}},{\"match\":{},\"lease\":{}}]}");

        if (!CHECK(policy->n_rules == 2))
                return;
        CHECK_NUMBER(policy->rules[0].terms.type, DOMAIN_TYPE_DMA_FQ);
        CHECK(policy->rules[0].require.needs_memlock);
        CHECK_NUMBER(policy->rules[1].terms.type, DOMAIN_TYPE_NONE);
        CHECK(!policy->rules[1].require.needs_memlock);
        expect_rule_refusal("{\"match\":{},\"lease\":{\"type\":\"identity\"}}",
                            "29: unknown type \"identity\": DMA or DMA-FQ");
        expect_rule_refusal("{\"match\":{},\"lease\":{},\"require\":{\"memlock\":1}}",
                            "45: expected boolean, not int");
}

#define REQUIRE(text) "{\"match\":{},\"lease\":{},\"require\":" text "}"

static void test_require_meaning(void)
{
        expect_rule_refusal(REQUIRE("\"owned\""), "34: expected object, not string");
        expect_rule_refusal(REQUIRE("{}"), "34: \"require\" is empty");
        expect_rule_refusal(REQUIRE("{\"guard\":1}"), "43: expected string, not int");
        expect_rule_refusal(REQUIRE("{\"guard\":\"none\"}"),
                            "43: unknown guard \"none\": owned, sealed, gated or reactive");
        expect_rule_refusal(REQUIRE("{\"guards\":\"owned\"}"), "35: unknown key \"guards\"; did you mean \"guard\"?");
        expect_rule_refusal("{\"match\":{},\"lease\":\"deny\",\"require\":{\"guard\":\"owned\"}}",
                            "38: a requirement is useless here: the rule denies every lease");
        expect_rule_refusal("{\"match\":{},\"lease\":{},\"on_join\":\"keep\"}",
                            "34: unknown reaction \"keep\": hold or expel");
        expect_rule_refusal("{\"match\":{},\"lease\":{},\"on_weaker\":\"keep\"}",
                            "36: on_weaker needs a required guard, and the rule requires none");
        expect_rule_refusal("{\"match\":{},\"lease\":{},\"on_weaker\":\"tell\"}",
                            "36: unknown reaction \"tell\": keep, revoke or quarantine");
}

#define RESERVE(text) "{\"match\":{},\"lease\":{},\"reserve\":" text "}"
#define FINGERPRINT(text) RESERVE("{\"at\":\"boot\",\"fingerprint\":" text "}")

static void test_reserve_meaning(void)
{
        expect_rule_refusal(RESERVE("true"), "34: expected object, not boolean");
        expect_rule_refusal(RESERVE("{}"), "34: the reservation needs a time: \"at\"");
        expect_rule_refusal(RESERVE("{\"at\":\"noon\"}"),
                            "40: unknown time \"noon\": a reservation is at \"boot\"");
        expect_rule_refusal(RESERVE("{\"at\":\"boot\",\"serial\":\"1\"}"),
                            "47: unknown key \"serial\"");
        expect_rule_refusal(FINGERPRINT("{}"), "61: the fingerprint is empty");
        expect_rule_refusal(FINGERPRINT("[]"), "61: expected object, not array");
        expect_rule_refusal(FINGERPRINT("{\"slot\":1}"), "62: unknown key \"slot\"");
        expect_rule_refusal(FINGERPRINT("{\"vendor\":\"10dg\"}"),
                            "71: \"10dg\" is not a vendor id: use one to four hexadecimal digits");
        expect_rule_refusal(FINGERPRINT("{\"device\":2484}"), "71: expected string, not int");
        expect_rule_refusal(FINGERPRINT("{\"members\":0}"), "72: a group's number of members is 1 to 4096");
        expect_rule_refusal(FINGERPRINT("{\"members\":4097}"), "72: a group's number of members is 1 to 4096");
        expect_rule_refusal("{\"match\":{},\"reserve\":{\"at\":\"boot\"},\"lease\":\"deny\"}",
                            "23: a reservation is useless here: the rule denies every lease");
        expect_rule_refusal("{\"match\":{},\"reserve\":{\"at\":\"boot\"}}",
                            "1: the rule has no \"lease\"");
}

/* While names cannot be looked up they match no user; mistakes are still mistakes. */
static void test_nameless(void)
{
        const char text[] = "{\"rules\":[{\"match\":{},\"lease\":{\"users\":[\"no-such-user\",7],"
                            "\"groups\":[\"no-such-group\"]}}]}";
        const char mistake[] = "{\"rules\":[{\"match\":{},\"lease\":{\"users\":[true]}}]}";
        _cleanup_(policy_freep) Policy *policy = calloc(1, sizeof(*policy));
        _cleanup_(freep) char *message = NULL;
        const PolicyRequest nobody = {.uid = (uid_t)-2};
        const Snapshot snapshot = {.devices = &(PciDevice){.ids.vendor = 0}, .n_devices = 1};

        CHECK_NUMBER(policy_parse_nameless(policy, "p.json", text, strlen(text), &message), 0);
        if (!CHECK(policy->n_rules == 1 && policy->rules[0].access.n_uids == 2))
                return;
        CHECK(policy->rules[0].access.uids[0] == (uid_t)-1 && policy->rules[0].access.uids[1] == 7);
        CHECK(policy->rules[0].access.n_gids == 1 && policy->rules[0].access.gids[0] == (gid_t)-1);
        CHECK(!policy_check(policy, &(PolicySubject){&snapshot, 0, ""}, &nobody).allowed);
        CHECK_NUMBER(policy_parse_nameless(policy, "p.json", mistake, strlen(mistake), &message),
                     POLICY_E_INVALID);
        CHECK_STRING(message, "p.json:1:41: expected string, not boolean");
}

/* The parser keeps the last of two; a reader may have meant the first. */
static void test_repeated_keys(void)
{
        expect_rule_refusal("{\"match\":{\"vendor\":\"1\"},\"match\":{},\"lease\":\"deny\"}",
                            "25: key appears a second time");
        expect_rule_refusal("{\"name\":\"a\",\"name\":\"b\",\"match\":{},\"lease\":\"deny\"}",
                            "13: key appears a second time");
        expect_rule_refusal("{\"match\":{},\"lease\":\"deny\",\"le\\u0061se\":{\"users\":[5]}}",
                            "1: key appears a second time");
}

/* Columns count characters, not bytes; comments keep their place. */
static void test_columns(void)
{
        expect_rule_refusal(
                "/* \xc3\xa4\xe2\x82\xac */ {\"match\":{\"x\":\"1\"},\"lease\":\"deny\"}",
                "20: unknown key \"x\"");
}

static char directory[] = "/tmp/isolationd-policy-XXXXXX";

static void put(const char *name, const char *text)
{
        char path[256];
        FILE *file;

        (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
        file = fopen(path, "w");
        if (!CHECK(file != NULL))
                return;
        CHECK(fputs(text, file) >= 0);
        CHECK(fclose(file) == 0);
}

static void drop(const char *name)
{
        char path[256];

        (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
        CHECK(unlink(path) == 0 || rmdir(path) == 0);
}

#define DENY(name) "{\"rules\":[{\"name\":\"" name "\",\"match\":{},\"lease\":\"deny\"}]}"

static void check_load(const char *const *directories, int want, const char *want_text)
{
        _cleanup_(policy_freep) Policy *policy = NULL;
        _cleanup_(freep) char *message = NULL;
        char text[512] = "";
        int r = policy_load(directories, NULL, &policy, &message);

        CHECK_NUMBER(r, want);
        if (r != 0) {
                CHECK(message && strstr(message, want_text));
                return;
        }
        for (size_t i = 0; i < policy->n_rules; i++)
                (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
                               i > 0 ? ", " : "", policy->rules[i].origin);
        CHECK_STRING(text, want_text);
}

static void test_load(void)
{
        char etc[128], run[128], lib[128], masked[160];
        const char *directories[] = {etc, run, lib, NULL};

        if (!CHECK(mkdtemp(directory) != NULL))
                return;
        (void)snprintf(etc, sizeof(etc), "%s/etc", directory);
        (void)snprintf(run, sizeof(run), "%s/run", directory);
        (void)snprintf(lib, sizeof(lib), "%s/lib", directory);
        check_load(directories, 0, "");

        CHECK(mkdir(etc, 0700) == 0 && mkdir(lib, 0700) == 0);
        put("etc/50-a.json", DENY("etc"));
        put("lib/50-a.json", DENY("lib"));
        put("lib/10-b.json", DENY("first"));
        put("lib/90-c.json", DENY("last"));
        put("lib/60-d.conf", "no policy");
        put("lib/.60-e.json", "hidden");
        check_load(directories, 0, "10-b.json:1: first, 50-a.json:1: etc, 90-c.json:1: last");

        (void)snprintf(masked, sizeof(masked), "%s/90-c.json", etc);
        CHECK(symlink("/dev/null", masked) == 0);
        check_load(directories, 0, "10-b.json:1: first, 50-a.json:1: etc");

        put("etc/10-b.json", "{\"rules\": 1}");
        check_load(directories, POLICY_E_INVALID, "10-b.json:1:11: expected array, not int");
        drop("etc/10-b.json");
        (void)snprintf(masked, sizeof(masked), "%s/20-x.json", etc);
        CHECK(symlink("nowhere", masked) == 0);
        check_load(directories, POLICY_E_INVALID, "20-x.json: No such file");
        drop("etc/20-x.json");
        CHECK(mkdir(masked, 0700) == 0);
        check_load(directories, POLICY_E_INVALID, "20-x.json: not a regular file");

        drop("etc/20-x.json");
        drop("etc/90-c.json");
        drop("etc/50-a.json");
        drop("lib/50-a.json");
        drop("lib/10-b.json");
        drop("lib/90-c.json");
        drop("lib/60-d.conf");
        drop("lib/.60-e.json");
        drop("etc");
        drop("lib");
        CHECK(rmdir(directory) == 0);
}

int main(void)
{
        static const TapTest tests[] = {
                {"a whole policy", test_good},
                {"classes", test_classes},
                {"errors of syntax", test_syntax},
                {"limits", test_limits},
                {"errors of meaning", test_meaning},
                {"errors of meaning in a lease", test_lease_meaning},
                {"what follows a breach", test_on_breach},
                {"what follows a virtual function's loss", test_on_vf_loss},
                {"what is required", test_require},
                {"memory", test_memory},
                {"a requirement that makes no sense is refused where it stands",
                 test_require_meaning},
                {"reservations", test_reserve},
                {"errors of meaning in a reservation", test_reserve_meaning},
                {"without names", test_nameless},
                {"repeated keys", test_repeated_keys},
                {"columns", test_columns},
                {"directories", test_load},
        };

        return tap_run(tests);
}
