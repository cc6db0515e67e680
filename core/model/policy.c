/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The verdict: finds the first rule that matches. */

#include "core/model/policy.h"

#include "core/model/text.h"

#include <string.h>

static const char *const lease_mode_names[_LEASE_MODE_N] = {
        [LEASE_MODE_NONE] = "none",         [LEASE_MODE_VFIO] = "vfio",
        [LEASE_MODE_IOMMUFD] = "iommufd",   [LEASE_MODE_IOMMUFD_UNBOUND] = "iommufd-unbound",
        [LEASE_MODE_GROUP_FD] = "group-fd", [LEASE_MODE_PATH] = "path",
};

bool lease_mode_claims(LeaseMode mode)
{
        return mode == LEASE_MODE_VFIO || mode == LEASE_MODE_IOMMUFD;
}

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

static void patterns_clear(PolicyPatterns *patterns)
{
        for (size_t i = 0; i < patterns->n_globs; i++)
                free(patterns->globs[i]);
        free(patterns->globs);
}

Policy *policy_free(Policy *policy)
{
        if (!policy)
                return NULL;
        for (size_t i = 0; i < policy->n_rules; i++) {
                PolicyRule *rule = &policy->rules[i];

                free(rule->name);
                free(rule->alias);
                free(rule->origin);
                free(rule->text);
                free(rule->match.path);
                free(rule->match.address);
                free(rule->match.slot);
                free(rule->match.driver);
                free(rule->reserve.ids);
                patterns_clear(&rule->access.units);
                patterns_clear(&rule->access.labels);
                free(rule->access.uids);
                free(rule->access.gids);
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
 * Only the last star is retried; the matches of earlier stars stay. So the cost is at most the
 * product of the two lengths, without recursion.
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

/* A card's own bridges, and the PF of a VF, are in the same slot. */
static bool is_in_slot(const Snapshot *snapshot, size_t device, Bdf slot)
{
        /* In a forged machine, VFs may be each other's PF. */
        for (size_t n = 0; device != SNAPSHOT_NONE && n < snapshot->n_devices; n++) {
                const PciDevice *pci = &snapshot->devices[device];

                if (pci->bdf.domain == slot.domain && pci->bdf.bus == slot.bus &&
                    bdf_device(pci->bdf) == bdf_device(slot))
                        return true;
                device = pci->place.is_vf ? pci->physfn : pci->parent;
        }
        return false;
}

static bool fits_slot(const char *glob, const PolicySubject *subject)
{
        const Snapshot *snapshot = subject->snapshot;

        for (size_t i = 0; i < snapshot->n_slots; i++)
                if (policy_glob(glob, snapshot->slots[i].name) &&
                    is_in_slot(snapshot, subject->device, snapshot->slots[i].bdf))
                        return true;
        return false;
}

static bool fits_group(const PolicyMatch *match, const PolicySubject *subject)
{
        const Snapshot *snapshot = subject->snapshot;
        int32_t group = snapshot->devices[subject->device].kernel_group;
        size_t n = 0;

        for (size_t i = 0; group >= 0 && i < snapshot->n_devices; i++)
                n += snapshot->devices[i].kernel_group == group;
        return n > 0 && n >= match->group_min && (match->group_max == 0 || n <= match->group_max);
}

static bool fits_number(const PolicyNumber *wanted, uint16_t value)
{
        return !wanted->is_set || wanted->value == value;
}

static bool fits_identity(const PolicyMatch *match, const PciDevice *device)
{
        return fits_number(&match->vendor, device->ids.vendor) &&
               fits_number(&match->device, device->ids.device) &&
               fits_number(&match->subsystem_vendor, device->ids.subsystem_vendor) &&
               fits_number(&match->subsystem_device, device->ids.subsystem_device) &&
               ((match->class_value ^ device->ids.class_code) & match->class_mask) == 0;
}

static bool fits_place(const PolicyMatch *match, const PolicySubject *subject)
{
        const PciDevice *device = &subject->snapshot->devices[subject->device];
        char address[BDF_TEXT_SIZE];

        if (match->path && !policy_glob(match->path, subject->path))
                return false;
        if (match->address && !policy_glob(match->address, bdf_format(device->bdf, address)))
                return false;
        if (match->removable != TRISTATE_UNKNOWN && match->removable != device->sysfs.removable)
                return false;
        if (match->numa_node.is_set &&
            !(device->sysfs.has_numa_node && match->numa_node.value == device->sysfs.numa_node))
                return false;
        if (match->slot && !fits_slot(match->slot, subject))
                return false;
        return (match->group_min == 0 && match->group_max == 0) || fits_group(match, subject);
}

static bool fits_driver(const PolicyMatch *match, const PolicySubject *subject)
{
        const Snapshot *snapshot = subject->snapshot;

        return !match->driver ||
               (!snapshot->without_drivers &&
                policy_glob(match->driver, snapshot->devices[subject->device].sysfs.driver));
}

Tristate policy_rule_matches(const PolicyRule *rule, const PolicySubject *subject)
{
        const PolicyMatch *match = &rule->match;
        const PciDevice *device = &subject->snapshot->devices[subject->device];

        if (!fits_identity(match, device) || !fits_place(match, subject) ||
            !fits_driver(match, subject))
                return TRISTATE_NO;
        if (!match->has_serial)
                return TRISTATE_YES;
        if (device->facts.serial != TRISTATE_YES)
                return device->facts.serial;
        return tristate_from_bool(device->facts.serial_number == match->serial);
}

static bool patterns_fit(const PolicyPatterns *patterns, const char *text)
{
        for (size_t i = 0; text && *text && i < patterns->n_globs; i++)
                if (policy_glob(patterns->globs[i], text))
                        return true;
        return patterns->n_globs == 0;
}

/* If the rule names neither users nor groups, its units and labels decide. */
static bool rule_knows_user(const PolicyRule *rule, const PolicyRequest *request)
{
        for (size_t i = 0; i < rule->access.n_uids; i++)
                if (rule->access.uids[i] == request->uid)
                        return true;
        for (size_t i = 0; i < rule->access.n_gids; i++)
                for (size_t k = 0; k < request->n_gids; k++)
                        if (rule->access.gids[i] == request->gids[k])
                                return true;
        return rule->access.n_uids == 0 && rule->access.n_gids == 0 &&
               (rule->access.units.n_globs > 0 || rule->access.labels.n_globs > 0);
}

static bool rule_knows(const PolicyRule *rule, const PolicyRequest *request)
{
        return rule_knows_user(rule, request) && patterns_fit(&rule->access.units, request->unit) &&
               patterns_fit(&rule->access.labels, request->label);
}

/*
 * A request without a mode asks for any mode. A rule that allows iommufd also allows
 * iommufd-unbound.
 */
static bool rule_has_mode(const PolicyRule *rule, LeaseMode mode)
{
        return rule->access.modes == 0 || mode == LEASE_MODE_NONE ||
               (rule->access.modes >> mode & 1) ||
               (mode == LEASE_MODE_IOMMUFD_UNBOUND &&
                (rule->access.modes >> LEASE_MODE_IOMMUFD & 1));
}

static PolicyVerdict rule_verdict(const PolicyRule *rule, const PolicyRequest *request)
{
        PolicyVerdict verdict = {.rule = rule};

        if (rule->access.deny)
                return verdict;
        if (request->uid == 0) {
                verdict.allowed = true;
        } else if (rule_knows(rule, request)) {
                verdict.allowed = rule_has_mode(rule, request->mode);
                verdict.mode_refused = !verdict.allowed;
        }
        return verdict;
}

const PolicyRule *policy_find_rule(const Policy *policy, const PolicySubject *subject)
{
        for (size_t i = 0; policy && i < policy->n_rules; i++)
                if (policy_rule_matches(&policy->rules[i], subject) == TRISTATE_YES)
                        return &policy->rules[i];
        return NULL;
}

bool policy_asks_attachment(const Policy *policy)
{
        for (size_t i = 0; policy && i < policy->n_rules; i++)
                if (policy->rules[i].match.numa_node.is_set ||
                    policy->rules[i].match.removable != TRISTATE_UNKNOWN)
                        return true;
        return false;
}

PolicyVerdict policy_check(const Policy *policy, const PolicySubject *subject,
                           const PolicyRequest *request)
{
        const PolicyRule *rule = policy_find_rule(policy, subject);

        return rule ? rule_verdict(rule, request) : (PolicyVerdict){.allowed = request->uid == 0};
}

char *policy_describe_refusal(const PolicyVerdict *verdict, const PolicySubject *subject,
                              const PolicyRequest *request)
{
        const PolicyRule *rule = verdict->rule;
        char text[BDF_TEXT_SIZE];

        bdf_format(subject->snapshot->devices[subject->device].bdf, text);
        if (!rule)
                return text_print("%s: no policy rule matches it, so only root may lease it; "
                                  "add a rule to /etc/isolationd/policy.d (isolationd.policy(5))",
                                  text);
        if (rule->access.deny)
                return text_print("%s: policy rule %s denies all leases of it", text, rule->origin);
        if (verdict->mode_refused)
                return text_print("%s: policy rule %s does not allow mode %s", text, rule->origin,
                                  lease_mode_to_string(request->mode));
        if (!rule_knows_user(rule, request))
                return text_print("%s: policy rule %s does not name you", text, rule->origin);
        if (!patterns_fit(&rule->access.units, request->unit))
                return text_print("%s: policy rule %s is not for what runs in %s", text,
                                  rule->origin,
                                  request->unit && *request->unit ? request->unit : "no unit");
        return text_print("%s: policy rule %s is not for the security label %s", text, rule->origin,
                          request->label && *request->label ? request->label : "(none)");
}
