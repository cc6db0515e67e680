/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Widens a lease to the groups that its devices can reach past the IOMMU, if the policy says so.
 *
 * The kernel keeps groups apart that the hardware does not (kernel-facts 0.2), for example cards
 * below a switch without ACS. The owner of one of them can reach the other, so both go to one
 * owner.
 */

#include <errno.h>

#include "daemon/plan/plan.h"

/* Finds the rule that widens a group, or NULL. */
static const PolicyRule *find_rule(const Plan *plan, const Group *group)
{
        for (size_t i = 0; i < group->n_members; i++) {
                const PolicySubject subject =
                        world_subject(plan->ledger->world, group->members[i]);
                const PolicyRule *rule = policy_find_rule(plan->ledger->policy, &subject);

                if (rule && rule->widen && plan_is_taken(plan_device(plan, group->members[i])))
                        return rule;
        }
        return NULL;
}

static int add_reachable(Plan *plan, size_t group, const PolicyRule *rule)
{
        World *world = plan->ledger->world;
        const Partition *groups = world->groups;
        _cleanup_(freep) bool *marked = calloc(groups->n_groups + 1, sizeof(*marked));
        size_t loose = SNAPSHOT_NONE;
        char text[BDF_TEXT_SIZE];

        if (!marked)
                return -ENOMEM;
        int r = world_widen(world, &plan->ledger->host, group, marked, &loose);
        if (r == REFUSAL_CHANGED)
                return plan_refuse(plan, r, "group %s: the machine has changed; try again",
                                   groups->groups[group].id);
        if (r == REFUSAL_NOT_VIABLE)
                return plan_refuse(plan, r,
                                   "group %s: policy rule %s widens the lease to what its devices "
                                   "can reach, and %s is in no group",
                                   groups->groups[group].id, rule->origin,
                                   bdf_format(plan_device(plan, loose)->bdf, text));
        for (size_t i = 0; r == 0 && i < groups->n_groups; i++)
                /* A group of bridges does no DMA of its own, and cannot be handed out. */
                if (marked[i] && plan_has_taken(plan, &groups->groups[i]))
                        r = plan_add_group(plan, i);
        return r;
}

int plan_widen(Plan *plan)
{
        const PolicyRule *rule = NULL;
        int r = 0;

        /* Widen from the added groups too, whatever their own rules say. */
        for (size_t i = 0; r == 0 && i < plan->n_groups; i++) {
                const PolicyRule *own = find_rule(plan, plan_group(plan, i));

                if (own)
                        rule = own;
                if (own || i >= plan->n_asked)
                        r = add_reachable(plan, plan->groups[i], rule);
        }
        return r;
}
