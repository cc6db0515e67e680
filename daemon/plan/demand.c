/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The guard that a policy rule requires, compared with the guard that a lease would have.
 */

#include <errno.h>

#include "core/model/guard_demand.h"
#include "daemon/guard/slot.h"
#include "daemon/guard_process/controller.h"
#include "daemon/plan/demand.h"

int plan_expect_guard(const Ledger *ledger, size_t group, LeaseMode mode,
                          GuardLayer *ret_layer)
{
        const Snapshot *snapshot = ledger->world->snapshot;
        const Group *asked = &ledger->world->groups->groups[group];
        GuardProspect prospect = {.mode = mode, .may_gate = controller_may_gate(ledger)};
        _cleanup_(freep) size_t *ports = NULL;

        for (size_t i = 0; i < asked->n_members; i++)
                prospect.n_handed_out += !world_is_bridge(&snapshot->devices[asked->members[i]]);
        int r = guard_find_ports(snapshot, asked->kernel_group, &ports, &prospect.places.n_ports);
        if (r == 0)
                r = slot_survey(&ledger->host, snapshot, ports, prospect.places.n_ports,
                                &prospect.places, NULL);
        if (r < 0)
                return r;
        *ret_layer = guard_predict(&prospect);
        return 0;
}

const PolicyRule *plan_stronger_demand(const PolicyRule *demand, const PolicyRule *rule)
{
        GuardLayer before = demand ? demand->require.guard : GUARD_NONE;

        return rule && rule->require.guard > before ? rule : demand;
}

int plan_check_demand(const Ledger *ledger, size_t group, LeaseMode mode,
                         const PolicyRule *demand, char **ret_message)
{
        GuardLayer layer = GUARD_NONE;

        int r = plan_expect_guard(ledger, group, mode, &layer);
        if (r < 0 || layer >= demand->require.guard)
                return r;
        return host_refuse(REFUSAL_TOO_WEAK, ret_message,
                           "group %s: policy rule %s requires guard %s, and in mode %s it would be "
                           "%s; ask for another mode, or for a group into which no slot leads",
                           ledger->world->groups->groups[group].id, demand->origin,
                           guard_layer_to_string(demand->require.guard), lease_mode_to_string(mode),
                           guard_layer_to_string(layer));
}

void plan_record_rules(LeaseRecord *record, const PolicyRule *rule, const PolicyRule *demand)
{
        record->terms.on_breach = rule ? rule->terms.on_breach : POLICY_BREACH_KEEP;
        record->terms.on_vf_loss = rule ? rule->terms.on_vf_loss : POLICY_VF_LOSS_KEEP;
        record->terms.on_join = rule ? rule->terms.on_join : POLICY_JOIN_HOLD;
        record->terms.on_weaker = demand ? demand->require.on_weaker : POLICY_BREACH_KEEP;
        record->terms.on_fault_storm = rule ? rule->terms.on_fault_storm : POLICY_BREACH_KEEP;
        record->terms.fault_storm = rule ? rule->terms.fault_storm : POLICY_FAULT_STORM_DEFAULT;
        record->terms.exclusive_process = rule && rule->terms.exclusive_process;
        record->terms.revoke_grace = rule ? rule->terms.revoke_grace : POLICY_GRACE_DEFAULT;
        record->terms.guard = demand ? demand->require.guard : GUARD_NONE;
}
