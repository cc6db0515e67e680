/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Evaluates one request against the rules, as the daemon does: each member that would be leased
 * must be allowed, also in groups that a rule adds. The verdict names the rule of the named
 * device.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/model/reserve.h"
#include "core/model/strength.h"
#include "core/probe/policy_names.h"
#include "libclient/host.h"
#include "libclient/policy.h"

typedef struct Asking {
        iso_policy *policy;
        iso_host *host;
        const iso_device *named; /* NULL: a whole group */
        const iso_group *
                *groups; /* its own group first, then those that rules add; none without a group */
        size_t n_groups;
        PolicyRequest request;
} Asking;

/* Reads a number, or a name that the lookup knows. */
static int find_number(iso_policy *policy, const char *text, PolicyNameLookup lookup,
                       const char *what, uint32_t *ret_id)
{
        size_t n = strspn(text, "0123456789");
        int r;

        if (n > 0 && n <= 10 && !text[n]) {
                unsigned long long number = strtoull(text, NULL, 10);

                if (number >= UINT32_MAX)
                        return policy_fail(policy, ISO_E_INVALID, "%s is not a %s", text, what);
                *ret_id = (uint32_t)number;
                return 0;
        }
        r = lookup(text, policy, ret_id);
        if (r == POLICY_NAMES_E_UNKNOWN)
                return policy_fail(policy, ISO_E_INVALID, "there is no %s \"%s\"", what, text);
        return r;
}

static int fill_request(Asking *asking, const iso_policy_question *question)
{
        PolicyRequest *request = &asking->request;
        iso_policy *policy = asking->policy;
        size_t n = 0;
        gid_t *gids;
        int r;

        request->unit = question->unit;
        request->label = question->label;
        request->mode = question->mode ? lease_mode_from_string(question->mode) : LEASE_MODE_NONE;
        if (question->mode && request->mode == LEASE_MODE_NONE)
                return policy_fail(policy, ISO_E_INVALID, "\"%s\" is not a mode", question->mode);
        r = find_number(policy, question->user, policy_find_user, "user", &request->uid);
        while (question->groups && question->groups[n])
                n++;
        gids = arena_alloc(&policy->arena, n + 1, sizeof(*gids));
        if (!gids)
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < n; i++)
                r = find_number(policy, question->groups[i], policy_find_group, "group", &gids[i]);
        request->gids = gids;
        request->n_gids = n;
        return r;
}

static int find_subject(Asking *asking, const char *selector)
{
        const iso_group *group = NULL;
        int r;

        if (!asking->host->snapshot)
                return policy_fail(
                        asking->policy, ISO_E_UNSUPPORTED,
                        "a policy can only be evaluated for a machine that is read, not for the "
                        "daemon's");
        r = iso_host_resolve(asking->host, selector, &asking->named, &group);
        if (r != 0)
                return policy_fail(asking->policy, r, "%s", iso_host_message(asking->host));
        const View *view = asking->host->view;
        if (asking->host->snapshot->n_devices != view->n_devices)
                return -EINVAL;
        asking->groups = arena_alloc(&asking->policy->arena, view->n_groups + 1,
                                     sizeof(*asking->groups));
        if (!asking->groups)
                return -ENOMEM;
        if (group)
                asking->groups[asking->n_groups++] = group;
        return 0;
}

static int keep_text(iso_policy *policy, char *text, iso_policy_verdict *verdict)
{
        _cleanup_(freep) char *owned = text;

        verdict->text = owned ? arena_strdup(&policy->arena, owned) : NULL;
        return verdict->text ? 0 : -ENOMEM;
}

/* Bridges are part of the path and are never leased. */
static bool is_taken(const PciDevice *device)
{
        return device->facts.header_known != TRISTATE_YES || device->facts.header_type == 0;
}

/* Is the group as strong as the rule requires? */
static int ask_strength(Asking *asking, const iso_group *group, const PolicyRule *rule,
                        iso_policy_verdict *verdict)
{
        const iso_strength *bits = NULL;
        size_t n = 0;
        int r;

        if (rule->require.strength == 0 || !group)
                return 0;
        r = iso_host_strength(asking->host, group, &bits, &n);
        if (r != 0)
                return r < 0 ? r
                             : policy_fail(asking->policy, r, "%s", iso_host_message(asking->host));
        for (size_t i = 0; i < n; i++) {
                char text[512];

                if ((rule->require.strength >> i & 1) == 0 || strcmp(bits[i].value, "yes") == 0)
                        continue;
                (void)snprintf(text, sizeof(text),
                               "group %s: policy rule %s requires \"%s\", which "
                               "is %s: %s",
                               group->id, rule->origin, bits[i].bit, bits[i].value,
                               bits[i].text);
                verdict->verdict = "weak";
                return keep_text(asking->policy, strdup(text), verdict);
        }
        return 0;
}

/* Does the device match the fingerprint of the rule that reserves it? */
static int ask_expected(Asking *asking, size_t index, iso_policy_verdict *verdict)
{
        const Snapshot *snapshot = asking->host->snapshot;
        const Reservation found =
                reserve_judge(asking->policy->policy, snapshot, index,
                              asking->host->view->devices[index].id, false);

        if (!reserve_has_changed(&found))
                return 0;
        verdict->verdict = "changed";
        verdict->rule = found.rule->name;
        verdict->origin = found.rule->origin;
        return keep_text(asking->policy, reserve_describe(snapshot, &found), verdict);
}

static bool is_allowed(const iso_policy_verdict *verdict)
{
        return strcmp(verdict->verdict, "allow") == 0;
}

static bool is_denied(const iso_policy_verdict *verdict)
{
        return strcmp(verdict->verdict, "deny") == 0;
}

/* Returns 0; changes the verdict if the rules deny this device, or if it is the named one. */
static int ask_device(Asking *asking, const iso_group *group, size_t index,
                      iso_policy_verdict *verdict)
{
        const iso_device *device = &asking->host->view->devices[index];
        const PolicySubject subject = {asking->host->snapshot, index, device->id};
        PolicyVerdict found;

        if (!is_taken(&asking->host->snapshot->devices[index]))
                return 0;
        found = policy_check(asking->policy->policy, &subject, &asking->request);
        if (found.allowed && *verdict->verdict && !is_allowed(verdict))
                return 0;
        if (!found.allowed || !*verdict->verdict || device == asking->named) {
                verdict->verdict = found.allowed ? "allow" : "deny";
                verdict->rule = found.rule ? found.rule->name : "";
                verdict->origin = found.rule ? found.rule->origin : "";
        }
        if (!found.allowed)
                return keep_text(asking->policy,
                                 policy_describe_refusal(&found, &subject, &asking->request),
                                 verdict);
        int r = ask_expected(asking, index, verdict);
        return r == 0 && found.rule && is_allowed(verdict)
                       ? ask_strength(asking, group, found.rule, verdict)
                       : r;
}

/*
 * The next member, from *at on, that would be leased, as an index of the machine's devices;
 * SNAPSHOT_NONE if there is none.
 */
static size_t next_taken(const Asking *asking, const iso_group *group, size_t *at)
{
        const View *view = asking->host->view;

        while (*at < group->n_devices) {
                const iso_device *device = view_find_device(view, group->devices[(*at)++]);
                size_t index = device ? (size_t)(device - view->devices) : SNAPSHOT_NONE;

                if (device && is_taken(&asking->host->snapshot->devices[index]))
                        return index;
        }
        return SNAPSHOT_NONE;
}

static int ask_group(Asking *asking, const iso_group *group, iso_policy_verdict *verdict)
{
        int r = 0;

        for (size_t at = 0, index; r == 0 && !is_denied(verdict) &&
                                   (index = next_taken(asking, group, &at)) != SNAPSHOT_NONE;)
                r = ask_device(asking, group, index, verdict);
        return r;
}

/* The rule that widens a lease of the group to the devices that its members can reach, or NULL. */
static const PolicyRule *find_widening(const Asking *asking, const iso_group *group)
{
        for (size_t at = 0, index; (index = next_taken(asking, group, &at)) != SNAPSHOT_NONE;) {
                const PolicySubject subject = {asking->host->snapshot, index,
                                               asking->host->view->devices[index].id};
                const PolicyRule *rule = policy_find_rule(asking->policy->policy, &subject);

                if (rule && rule->widen)
                        return rule;
        }
        return NULL;
}

/* Adds the group of a reachable device, once, if it has a device that can be leased. */
static int add_group_of(Asking *asking, size_t index, const PolicyRule *rule,
                        iso_policy_verdict *verdict)
{
        const View *view = asking->host->view;
        const iso_group *group = view_find_group(view, view->devices[index].group);
        char text[512];
        size_t at = 0;

        if (!group && is_taken(&asking->host->snapshot->devices[index])) {
                (void)snprintf(text, sizeof(text),
                               "group %s: policy rule %s widens the lease to all devices that it "
                               "can reach, and %s is in no group",
                               asking->groups[0]->id, rule->origin, view->devices[index].address);
                *verdict = (iso_policy_verdict){"deny", rule->name, rule->origin, ""};
                return keep_text(asking->policy, strdup(text), verdict);
        }
        for (size_t i = 0; i < asking->n_groups; i++)
                if (asking->groups[i] == group)
                        return 0;
        if (group && next_taken(asking, group, &at) != SNAPSHOT_NONE)
                asking->groups[asking->n_groups++] = group;
        return 0;
}

static int widen(Asking *asking, const iso_group *group, const PolicyRule *rule,
                 iso_policy_verdict *verdict)
{
        const View *view = asking->host->view;
        const Partition *sound;
        int r = partitions_get(asking->host->partitions, PARTITION_SOUND, &sound);

        for (size_t i = 0; r == 0 && i < group->n_devices; i++) {
                const iso_device *device = view_find_device(view, group->devices[i]);
                size_t reach = device ? sound->group_of[device - view->devices] : SNAPSHOT_NONE;

                for (size_t m = 0; r == 0 && reach != SNAPSHOT_NONE &&
                                   m < sound->groups[reach].n_members;
                     m++)
                        r = add_group_of(asking, sound->groups[reach].members[m], rule, verdict);
        }
        return r;
}

/* Groups that were added are widened too, whatever their own rules say. */
static int ask_all(Asking *asking, iso_policy_verdict *verdict)
{
        const PolicyRule *rule = NULL;
        int r = 0;

        if (asking->n_groups == 0)
                return ask_device(asking, NULL,
                                  (size_t)(asking->named - asking->host->view->devices), verdict);
        for (size_t i = 0; r == 0 && !is_denied(verdict) && i < asking->n_groups; i++) {
                const iso_group *group = asking->groups[i];
                const PolicyRule *own = find_widening(asking, group);

                r = ask_group(asking, group, verdict);
                rule = own ? own : rule;
                if (r == 0 && rule && !is_denied(verdict))
                        r = widen(asking, group, rule, verdict);
        }
        return r;
}

int iso_policy_ask(iso_policy *policy, iso_host *host, const iso_policy_question *question,
                   iso_policy_verdict *ret)
{
        Asking asking = {.policy = policy, .host = host};
        iso_policy_verdict verdict = {.verdict = "", .rule = "", .origin = "", .text = ""};
        int r = find_subject(&asking, question->selector);

        if (r == 0)
                r = tree_read_traits(host);
        if (r == 0)
                r = fill_request(&asking, question);
        if (r == 0)
                r = ask_all(&asking, &verdict);
        if (r == 0 && !*verdict.verdict)
                return policy_fail(policy, ISO_E_INVALID,
                                   "%s: the group has only bridges, which cannot be leased",
                                   question->selector);
        if (r == 0)
                *ret = verdict;
        return r;
}
