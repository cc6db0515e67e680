/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The input as a policy file; what is accepted is asked a verdict for each mode.
 */

#include "fuzz.h"

#include "core/probe/policy_json.h"

#include <string.h>

static void ask(const Policy *policy, uid_t uid)
{
        const gid_t gids[] = {0, 44};
        const PciDevice device = {.vendor = 0x1234, .device = 0x11e8, .class_code = 0x020000};

        for (int mode = LEASE_MODE_NONE; mode < _LEASE_MODE_N; mode++) {
                PolicyRequest request = {uid, gids, 2, (LeaseMode)mode};
                PolicyVerdict verdict = policy_check(policy, &device, "0000:00/02.1", &request);

                MUST(!verdict.allowed || !verdict.rule || !verdict.rule->deny);
                MUST(verdict.rule || verdict.allowed == (uid == 0));
                MUST(!verdict.mode_refused || (!verdict.allowed && mode != LEASE_MODE_NONE));
        }
}

/* Names or not, the same rules reserve; and without names no file is refused that is not with. */
static void parse_nameless(const Policy *policy, const uint8_t *data, size_t n_data)
{
        _cleanup_(policy_freep) Policy *nameless = calloc(1, sizeof(*nameless));
        _cleanup_(freep) char *message = NULL;

        MUST(nameless);
        MUST(policy_parse_nameless(nameless, "fuzz.json", (const char *)data, n_data, &message) ==
             0);
        MUST(nameless->n_rules == policy->n_rules);
        for (size_t i = 0; i < policy->n_rules; i++) {
                const PolicyRule *rule = &policy->rules[i];

                MUST(!rule->reserve.at_boot || !rule->deny);
                MUST(rule->guard == GUARD_NONE || !rule->deny);
                MUST(rule->guard != GUARD_NONE || rule->on_weaker == POLICY_BREACH_KEEP);
                MUST(rule->guard == nameless->rules[i].guard);
                MUST(memcmp(&rule->reserve, &nameless->rules[i].reserve, sizeof(rule->reserve)) ==
                     0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_data)
{
        _cleanup_(policy_freep) Policy *policy = calloc(1, sizeof(*policy));
        _cleanup_(freep) char *message = NULL;
        int r;

        MUST(policy);
        r = policy_parse(policy, "fuzz.json", (const char *)data, n_data, &message);
        MUST(r >= 0);
        MUST((r == 0) == (message == NULL));
        MUST(!message || strncmp(message, "fuzz.json:", 10) == 0);
        if (r != 0)
                return 0;
        for (size_t i = 0; i < policy->n_rules; i++)
                MUST(policy->rules[i].name && policy->rules[i].origin);
        ask(policy, 0);
        ask(policy, 1000);
        parse_nameless(policy, data, n_data);
        return 0;
}
