/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One request against the rules, as the daemon would judge it: every member that would be handed
 * out is asked for, and the rule of what was named is the one that is told.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/model/strength.h"
#include "core/probe/policy_names.h"
#include "libclient/host.h"
#include "libclient/policy.h"

typedef struct Asking {
        iso_policy *policy;
        iso_host *host;
        const iso_device *named; /* NULL: a whole group */
        const iso_group *group;  /* NULL: it is in none */
        PolicyRequest request;
} Asking;

/* A number, or a name that the lookup knows. */
static int find_number(iso_policy *policy, const char *text, PolicyNameLookup lookup,
                       const char *what, uint32_t *ret_id)
{
        size_t n = strspn(text, "0123456789");
        int r;

        if (n > 0 && n <= 10 && !text[n]) {
                unsigned long long number = strtoull(text, NULL, 10);

                if (number >= UINT32_MAX)
                        return policy_fail(policy, ISO_E_INVALID, "%s is no %s", text, what);
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
                return policy_fail(policy, ISO_E_INVALID, "\"%s\" is no mode", question->mode);
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
        int r;

        if (!asking->host->snapshot)
                return policy_fail(asking->policy, ISO_E_UNSUPPORTED,
                                   "a policy is asked about a machine that is read, not about the "
                                   "daemon's");
        r = iso_host_resolve(asking->host, selector, &asking->named, &asking->group);
        if (r != 0)
                return policy_fail(asking->policy, r, "%s", iso_host_message(asking->host));
        return asking->host->snapshot->n_devices == asking->host->view->n_devices ? 0 : -EINVAL;
}

static int keep_text(iso_policy *policy, char *text, iso_policy_verdict *verdict)
{
        _cleanup_(freep) char *owned = text;

        verdict->text = owned ? arena_strdup(&policy->arena, owned) : NULL;
        return verdict->text ? 0 : -ENOMEM;
}

/* Bridges are part of the path and never handed out. */
static bool is_taken(const PciDevice *device)
{
        return device->facts.header_known != TRISTATE_YES || device->facts.header_type == 0;
}

/* Is the group as strong as the rule requires? */
static int ask_strength(Asking *asking, const PolicyRule *rule, iso_policy_verdict *verdict)
{
        const iso_strength *bits = NULL;
        size_t n = 0;
        int r;

        if (rule->strength == 0 || !asking->group)
                return 0;
        r = iso_host_strength(asking->host, asking->group, &bits, &n);
        if (r != 0)
                return r < 0 ? r
                             : policy_fail(asking->policy, r, "%s", iso_host_message(asking->host));
        for (size_t i = 0; i < n; i++) {
                char text[512];

                if ((rule->strength >> i & 1) == 0 || strcmp(bits[i].value, "yes") == 0)
                        continue;
                (void)snprintf(text, sizeof(text),
                               "group %s: policy rule %s requires \"%s\", which "
                               "is %s: %s",
                               asking->group->id, rule->origin, bits[i].bit, bits[i].value,
                               bits[i].text);
                verdict->verdict = "weak";
                return keep_text(asking->policy, strdup(text), verdict);
        }
        return 0;
}

/* Returns 0 with the verdict changed if this device says no, or is the one that was named. */
static int ask_device(Asking *asking, size_t index, iso_policy_verdict *verdict)
{
        const iso_device *device = &asking->host->view->devices[index];
        const PolicySubject subject = {asking->host->snapshot, index, device->id};
        PolicyVerdict found;

        if (!is_taken(&asking->host->snapshot->devices[index]))
                return 0;
        found = policy_check(asking->policy->policy, &subject, &asking->request);
        if (found.allowed && strcmp(verdict->verdict, "weak") == 0)
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
        return found.rule ? ask_strength(asking, found.rule, verdict) : 0;
}

static int ask_all(Asking *asking, iso_policy_verdict *verdict)
{
        const View *view = asking->host->view;
        int r;

        if (!asking->group)
                return ask_device(asking, (size_t)(asking->named - view->devices), verdict);
        for (size_t i = 0; i < asking->group->n_devices; i++) {
                const iso_device *device = view_find_device(view, asking->group->devices[i]);

                r = device ? ask_device(asking, (size_t)(device - view->devices), verdict) : 0;
                if (r != 0 || strcmp(verdict->verdict, "deny") == 0)
                        return r;
        }
        return 0;
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
                                   "%s: there are only bridges, and nothing to hand out",
                                   question->selector);
        if (r == 0)
                *ret = verdict;
        return r;
}
