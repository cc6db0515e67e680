/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The input is a policy file; an accepted policy gives a verdict for each mode.
 */

#include "fuzz.h"

#include "core/probe/policy_edit.h"
#include "core/probe/policy_json.h"

#include <errno.h>
#include <string.h>

#define RULES_CHANGED 4 /* of a file, each parsing all of it */

static void ask(const Policy *policy, uid_t uid)
{
        const gid_t gids[] = {0, 44};
        PciDevice device = {
                .ids.vendor = 0x1234,
                .ids.device = 0x11e8,
                .ids.class_code = 0x020000,
                .parent = SNAPSHOT_NONE,
        };
        PciSlot slot = {.name = "4-1"};
        const Snapshot snapshot = {
                .devices = &device, .n_devices = 1, .slots = &slot, .n_slots = 1};
        const PolicySubject subject = {&snapshot, 0, "0000:00/02.1"};

        for (int mode = LEASE_MODE_NONE; mode < _LEASE_MODE_N; mode++) {
                PolicyRequest request = {
                        .uid = uid,
                        .gids = gids,
                        .n_gids = 2,
                        .unit = "vm.service",
                        .mode = (LeaseMode)mode,
                };
                PolicyVerdict verdict = policy_check(policy, &subject, &request);
                _cleanup_(freep) char *text = policy_describe_refusal(&verdict, &subject, &request);

                MUST(text);

                MUST(!verdict.allowed || !verdict.rule || !verdict.rule->access.deny);
                MUST(verdict.rule || verdict.allowed == (uid == 0));
                MUST(!verdict.mode_refused || (!verdict.allowed && mode != LEASE_MODE_NONE));
        }
}

static void check_reserve(const PolicyReserve *one, const PolicyReserve *other)
{
        MUST(one->at_boot == other->at_boot && one->park == other->park);
        MUST(one->vendor.is_set == other->vendor.is_set && one->vendor.value == other->vendor.value);
        MUST(one->device.is_set == other->device.is_set && one->device.value == other->device.value);
        MUST(one->n_members == other->n_members && one->n_ids == other->n_ids);
        MUST(one->n_ids == 0 || memcmp(one->ids, other->ids, one->n_ids * sizeof(*one->ids)) == 0);
}

/* Setting a rule's fingerprint changes nothing else, whatever text surrounds it. */
static void change_fingerprint(const char *data, size_t n_data, size_t rule, bool reserves)
{
        _cleanup_(freep) char *text = strndup(data, n_data), *edited = NULL, *again = NULL;
        _cleanup_(policy_fault_clear) PolicyFault fault = {.message = NULL};
        int r;

        MUST(text);
        if (rule >= RULES_CHANGED || strlen(text) != n_data)
                return;
        r = policy_set_fingerprint("fuzz.json", text, rule, "{ \"members\": 7 }", &edited, &fault);
        MUST(r == (reserves ? 0 : -ENOENT));
        if (r != 0)
                return;
        MUST(policy_set_fingerprint("fuzz.json", edited, rule, "{ \"members\": 7 }", &again,
                                    &fault) == 0);
        MUST(strcmp(edited, again) == 0);
}

/*
 * With or without names, the same rules reserve devices. A file accepted with names is accepted
 * without.
 */
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

                MUST(!rule->reserve.at_boot || !rule->access.deny);
                MUST(rule->require.guard == GUARD_NONE || !rule->access.deny);
                MUST(rule->require.guard != GUARD_NONE ||
                     rule->require.on_weaker == POLICY_BREACH_KEEP);
                MUST(rule->require.guard == nameless->rules[i].require.guard);
                check_reserve(&rule->reserve, &nameless->rules[i].reserve);
                change_fingerprint((const char *)data, n_data, i, rule->reserve.at_boot);
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
