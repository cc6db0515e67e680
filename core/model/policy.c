/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The verdict: a walk down the rules to the first that matches.
 */

#include "core/model/policy.h"

#include <string.h>

static const char *const lease_mode_names[_LEASE_MODE_N] = {
        [LEASE_MODE_NONE] = "none",
        [LEASE_MODE_VFIO] = "vfio",
        [LEASE_MODE_IOMMUFD] = "iommufd",
};

const char *lease_mode_to_string(LeaseMode mode)
{
        if ((int)mode < 0 || mode >= _LEASE_MODE_N)
                return "none";
        return lease_mode_names[mode];
}

LeaseMode lease_mode_from_string(const char *text)
{
        for (int i = LEASE_MODE_NONE + 1; i < _LEASE_MODE_N; i++)
                if (strcmp(lease_mode_names[i], text) == 0)
                        return (LeaseMode)i;
        return LEASE_MODE_NONE;
}

Policy *policy_free(Policy *policy)
{
        if (!policy)
                return NULL;
        for (size_t i = 0; i < policy->n_rules; i++) {
                PolicyRule *rule = &policy->rules[i];

                free(rule->name);
                free(rule->origin);
                free(rule->path);
                free(rule->address);
                free(rule->uids);
                free(rule->gids);
        }
        free(policy->rules);
        free(policy);
        return NULL;
}

bool policy_breach_from_string(const char *text, PolicyBreach *ret)
{
        static const char *const names[_POLICY_BREACH_N] = {
                [POLICY_BREACH_KEEP] = "keep",
                [POLICY_BREACH_REVOKE] = "revoke",
                [POLICY_BREACH_QUARANTINE] = "quarantine",
        };

        for (int i = 0; i < _POLICY_BREACH_N; i++)
                if (strcmp(names[i], text) == 0) {
                        *ret = (PolicyBreach)i;
                        return true;
                }
        return false;
}

bool policy_vf_loss_from_string(const char *text, PolicyVfLoss *ret)
{
        static const char *const names[_POLICY_VF_LOSS_N] = {
                [POLICY_VF_LOSS_KEEP] = "keep",
                [POLICY_VF_LOSS_RECREATE] = "recreate",
        };

        for (int i = 0; i < _POLICY_VF_LOSS_N; i++)
                if (strcmp(names[i], text) == 0) {
                        *ret = (PolicyVfLoss)i;
                        return true;
                }
        return false;
}

bool policy_join_from_string(const char *text, PolicyJoin *ret)
{
        static const char *const names[_POLICY_JOIN_N] = {
                [POLICY_JOIN_HOLD] = "hold",
                [POLICY_JOIN_EXPEL] = "expel",
        };

        for (int i = 0; i < _POLICY_JOIN_N; i++)
                if (strcmp(names[i], text) == 0) {
                        *ret = (PolicyJoin)i;
                        return true;
                }
        return false;
}

/*
 * Only the last star is ever retried: what an earlier one matched stays matched, so the work is at
 * most the product of the two lengths, and there is no recursion.
 */
bool policy_glob(const char *pattern, const char *text)
{
        const char *star = NULL, *retry = NULL;

        while (*text) {
                if (*pattern == '*') {
                        star = ++pattern;
                        retry = text;
                } else if (*pattern == '?' || *pattern == *text) {
                        pattern++;
                        text++;
                } else if (star) {
                        pattern = star;
                        text = ++retry;
                } else {
                        return false;
                }
        }

        while (*pattern == '*')
                pattern++;
        return *pattern == '\0';
}

static bool rule_matches(const PolicyRule *rule, const PciDevice *device, const char *path)
{
        char address[BDF_TEXT_SIZE];

        if (rule->has_vendor && rule->vendor != device->vendor)
                return false;
        if (rule->has_device && rule->device != device->device)
                return false;
        if (rule->has_class && ((rule->class_value ^ device->class_code) & rule->class_mask) != 0)
                return false;
        if (rule->path && !policy_glob(rule->path, path))
                return false;
        return !rule->address || policy_glob(rule->address, bdf_format(device->bdf, address));
}

static bool rule_knows(const PolicyRule *rule, const PolicyRequest *request)
{
        for (size_t i = 0; i < rule->n_uids; i++)
                if (rule->uids[i] == request->uid)
                        return true;
        for (size_t i = 0; i < rule->n_gids; i++)
                for (size_t k = 0; k < request->n_gids; k++)
                        if (rule->gids[i] == request->gids[k])
                                return true;
        return false;
}

/* A request without a mode asks whether any would do. */
static bool rule_has_mode(const PolicyRule *rule, LeaseMode mode)
{
        return rule->modes == 0 || mode == LEASE_MODE_NONE || (rule->modes >> mode & 1);
}

static PolicyVerdict rule_verdict(const PolicyRule *rule, const PolicyRequest *request)
{
        PolicyVerdict verdict = {.rule = rule};

        if (rule->deny)
                return verdict;
        if (request->uid == 0) {
                verdict.allowed = true;
        } else if (rule_knows(rule, request)) {
                verdict.allowed = rule_has_mode(rule, request->mode);
                verdict.mode_refused = !verdict.allowed;
        }
        return verdict;
}

const PolicyRule *policy_find_rule(const Policy *policy, const PciDevice *device, const char *path)
{
        for (size_t i = 0; policy && i < policy->n_rules; i++)
                if (rule_matches(&policy->rules[i], device, path))
                        return &policy->rules[i];
        return NULL;
}

PolicyVerdict policy_check(const Policy *policy, const PciDevice *device, const char *path,
                           const PolicyRequest *request)
{
        const PolicyRule *rule = policy_find_rule(policy, device, path);

        return rule ? rule_verdict(rule, request) : (PolicyVerdict){.allowed = request->uid == 0};
}
