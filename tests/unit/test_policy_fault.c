/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How a mistake in a policy file is reported: the line, the place in it, and a suggestion.
 */

#include "core/model/text.h"
#include "core/probe/policy_json.h"
#include "tap.h"

static void expect_refusal(const char *text, const char *want)
{
        _cleanup_(policy_freep) Policy *policy = calloc(1, sizeof(*policy));
        _cleanup_(freep) char *message = NULL;

        CHECK_NUMBER(policy_parse(policy, "p.json", text, strlen(text), &message),
                     POLICY_E_INVALID);
        CHECK_STRING(message, want);
}

static void expect_excerpt(const char *text, const char *want)
{
        _cleanup_(policy_freep) Policy *policy = calloc(1, sizeof(*policy));
        _cleanup_(policy_fault_clear) PolicyFault fault = {.message = NULL};
        const PolicyOptions options = {.lookup = &policy_lookup_system};

        CHECK_NUMBER(policy_parse_text(policy, "p.json", text, strlen(text), &options, &fault),
                     POLICY_E_INVALID);
        CHECK_STRING(fault.excerpt ? fault.excerpt : "(none)", want);
}

/* The mark is below the place, whatever precedes it; no byte of it controls a terminal. */
static void test_excerpts(void)
{
        char text[400], want[200];

        expect_excerpt("{\n  \"rulse\": []\n}", "  \"rulse\": []\n  ^~~~~~~");
        expect_excerpt("{\"rules\": [7]}\r\n", "{\"rules\": [7]}\n           ^");
        expect_excerpt("{\"rules\": 1234}", "{\"rules\": 1234}\n          ^~~~");
        expect_excerpt("{\t\"\xc3\xa4\": 1}", "{\t\"\xc3\xa4\": 1}\n \t^~~");
        expect_excerpt("{\"rules\":\n", "\n^");
        expect_excerpt("", "\n^");
        expect_excerpt("/* \033[2J */ 7", "/* ?[2J */ 7\n           ^");

        memset(text, ' ', 300);
        (void)snprintf(text + 200, 200, "{\"rulse\": %0*d}", 100, 0);
        (void)snprintf(want, sizeof(want), "...%59s{\"rulse\": %0*d...\n%63s^~~~~~~", "", 27, 0,
                       "");
        expect_excerpt(text, want);
}

static void test_nearest(void)
{
        static const char *const words[] = {"vendor", "device",    "address",
                                            "path",   "numa_node", NULL};

        CHECK_STRING(text_nearest("vendr", words), "vendor");
        CHECK_STRING(text_nearest("VENDOR", words), "vendor");
        CHECK_STRING(text_nearest("devcie", words), "device");
        CHECK_STRING(text_nearest("adress", words), "address");
        CHECK_STRING(text_nearest("numa", words), "numa_node");
        CHECK_STRING(text_nearest("paht", words), "path");
        CHECK(!text_nearest("", words) && !text_nearest("serial", words) &&
              !text_nearest("ph", words));
        CHECK(!text_nearest("vendorvendorvendorvendorvendorvendor", words));
}

#define ALIAS_RULE                                                                                 \
        "p.json:1:20: an alias is a letter, followed by at most 63 letters, digits, or "           \
        "characters of \"_.-\"; and no form of an address"

static void test_repeated_names(void)
{
        expect_refusal("{\"rules\":[{\"name\":\"a\",\"match\":{},\"lease\":{}},\n"
                       "{\"name\":\"b\",\"match\":{},\"lease\":{}},\n"
                       "{\"match\":{},\"name\":\"a\",\"lease\":{}}]}",
                       "p.json:3:20: the name \"a\" is already used in line 1");
        expect_refusal("{\"rules\":[{\"name\":\"rule 2\",\"match\":{},\"lease\":{}},\n"
                       "{\"match\":{},\"lease\":{}}]}",
                       "p.json:2:1: the name \"rule 2\" is already used in line 1");
        expect_refusal("{\"rules\":[{\"alias\":\"gpu0\",\"match\":{},\"lease\":\"deny\"},\n"
                       "{\"alias\":\"gpu0\",\"match\":{},\"lease\":\"deny\"}]}",
                       "p.json:2:10: the alias \"gpu0\" is already used by p.json:1: rule 1");
        expect_refusal("{\"rules\":[{\"alias\":\"01:00.0\",\"match\":{},\"lease\":\"deny\"}]}",
                       ALIAS_RULE);
        expect_refusal(
                "{\"rules\":[{\"alias\":\"pci_0000_01_00_0\",\"match\":{},\"lease\":\"deny\"}]}",
                ALIAS_RULE);
}

#define RULE(match, rest) "{\"rules\":[{\"match\":" match ",\"lease\":{}" rest "}]}"

static void test_meaning(void)
{
        expect_refusal(RULE("{\"serial\":\"1\"}", ""),
                       "p.json:1:30: \"1\" is not a serial number: use eight bytes as lspci prints them, "
                       "00-1b-21-ff-ff-3a-4c-5d");
        expect_refusal(RULE("{\"numa_node\":65536}", ""),
                       "p.json:1:33: a node's number is 0 to 65535");
        expect_refusal(RULE("{\"group_size\":{}}", ""),
                       "p.json:1:34: group_size needs \"min\" or \"max\"");
        expect_refusal(RULE("{\"group_size\":{\"min\":3,\"max\":2}}", ""),
                       "p.json:1:34: \"min\" is larger than \"max\"");
        expect_refusal(RULE("{\"driver\":\"nvme\"}", ",\"reserve\":{\"at\":\"boot\"}"),
                       "p.json:1:30: a reservation cannot match this: it is unknown when "
                       "drivers are bound; see \"fingerprint\"");
        expect_refusal(RULE("{}", ",\"require\":{\"strength\":[\"p2\"]}"),
                       "p.json:1:57: unknown strength \"p2\": translated, p2p, msi, claimable, "
                       "resettable, trusted-ats or pasid; did you mean \"p2p\"?");
        expect_refusal(RULE("{}", ",\"require\":{\"strength\":[]}"),
                       "p.json:1:56: the list is empty");
        expect_refusal("{\"rules\":[{\"match\":{},\"lease\":{\"units\":[7]}}]}",
                       "p.json:1:41: expected string, not int");
}

static void test_memlock(void)
{
        static const struct {
                const char *text;
                uint64_t limit; /* 0: it is none */
        } cases[] = {
                {"1", 1},
                {"4611686018427387904", UINT64_C(1) << 62},
                {"\"16G\"", UINT64_C(16) << 30},
                {"\"512MiB\"", UINT64_C(512) << 20},
                {"\"unlimited\"", POLICY_MEMLOCK_UNLIMITED},
                {"0", 0},
                {"4611686018427387905", 0},
                {"1.5", 0},
                {"true", 0},
                {"\"016G\"", 0},
                {"\"1000000T\"", 0},
                {"\"infinity\"", 0},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(freep) char *message = NULL;
                _cleanup_(policy_freep) Policy *policy = calloc(1, sizeof(*policy));
                char text[256];

                (void)snprintf(text, sizeof(text),
                               "{\"rules\":[{\"match\":{},\"lease\":{\"memlock\":%s}}]}",
                               cases[i].text);
                int r = policy_parse(policy, "p.json", text, strlen(text), &message);
                CHECK_NUMBER(r, cases[i].limit > 0 ? 0 : POLICY_E_INVALID);
                if (cases[i].limit > 0)
                        CHECK(policy->rules[0].terms.memlock == cases[i].limit);
        }
}

#define BRACKETS                                                                                   \
        "patterns have * and ?, but no brackets; use ? for one character, or write a rule for "    \
        "each"
#define ADDRESSES "use a full address in lower case, as in \"0000:01:00.*\""
#define PATHS                                                                                      \
        "use a stable path, as in \"0000:00/1c.*\" (see isoctl show); for an address use "           \
        "\"address\""

/* Each mistake with the correct form. */
static void test_patterns_that_never_match(void)
{
        static const char *const good[] = {
                RULE("{\"address\":\"10000:e1:1f.7\"}", ""),
                RULE("{\"address\":\"*:0?:00.0\"}", ""),
                RULE("{\"path\":\"0000:00/1c.4/vf3\"}", ""),
                RULE("{\"path\":\"*/@0000:01:00.0\"}", ""),
                RULE("{\"driver\":\"\"}", ""),
                RULE("{\"slot\":\"U78CB.001-P1-C5\"}", ""),
                "{\"rules\":[{\"match\":{},\"lease\":{\"units\":[\"vm@?.scope\"]}}]}",
                "{\"rules\":[{\"match\":{},\"lease\":{\"labels\":[\"/usr/bin/[a-c]*\"]}}]}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                _cleanup_(freep) char *message = NULL;
                _cleanup_(policy_freep) Policy *policy = calloc(1, sizeof(*policy));

                CHECK_NUMBER(policy_parse(policy, "p.json", good[i], strlen(good[i]), &message), 0);
        }
        expect_refusal(RULE("{\"address\":\"0000:0[12]:00.*\"}", ""),
                       "p.json:1:31: \"0000:0[12]:00.*\" never matches: " BRACKETS);
        expect_refusal(RULE("{\"driver\":\"vfio[-_]pci\"}", ""),
                       "p.json:1:30: \"vfio[-_]pci\" never matches: " BRACKETS);
        expect_refusal(RULE("{\"slot\":\"[1-3]\"}", ""),
                       "p.json:1:28: \"[1-3]\" never matches: " BRACKETS);
        expect_refusal(RULE("{\"path\":\"0000:00/1[cd].*\"}", ""),
                       "p.json:1:28: \"0000:00/1[cd].*\" never matches: " BRACKETS);
        expect_refusal(RULE("{\"address\":\"01:00.0\"}", ""),
                       "p.json:1:31: \"01:00.0\" never matches: " ADDRESSES
                       "; did you mean \"0000:01:00.0\"?");
        expect_refusal(RULE("{\"address\":\"0000:0A:*\"}", ""),
                       "p.json:1:31: \"0000:0A:*\" never matches: " ADDRESSES
                       "; did you mean \"0000:0a:*\"?");
        expect_refusal(RULE("{\"address\":\"0000:01:20.0\"}", ""),
                       "p.json:1:31: \"0000:01:20.0\" never matches: " ADDRESSES);
        expect_refusal(RULE("{\"path\":\"0000:01:00.0\"}", ""),
                       "p.json:1:28: \"0000:01:00.0\" never matches: " PATHS);
        expect_refusal(
                "{\"rules\":[{\"match\":{},\"lease\":{\"units\":[\"libvirtd\"]}}]}",
                "p.json:1:41: \"libvirtd\" never matches: use the whole name of a unit, as "
                "in \"vm@*.service\"; did you mean \"libvirtd.service\"?");
        expect_refusal("{\"rules\":[{\"match\":{},\"lease\":{\"units\":[\"a[0-9].service\"]}}]}",
                       "p.json:1:41: \"a[0-9].service\" never matches: " BRACKETS);
}

int main(void)
{
        static const TapTest tests[] = {
                {"the place, shown", test_excerpts},
                {"what was meant", test_nearest},
                {"names of rules", test_repeated_names},
                {"what a rule goes by and requires", test_meaning},
                {"patterns that never match", test_patterns_that_never_match},
                {"a limit on locked memory", test_memlock},
        };

        return tap_run(tests);
}
