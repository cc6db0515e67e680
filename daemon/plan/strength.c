/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a rule requires of the machine before a group is leased: that the device is still the one
 * the rule was written for, and bits of the strength of the group that are known to be YES.
 *
 * Strength is checked last, and only if it is required: that reads the whole machine, and wakes
 * sleeping devices.
 */

#include <errno.h>

#include "core/model/reserve.h"
#include "core/model/strength.h"
#include "daemon/plan/demand.h"

int plan_check_expected(const Ledger *ledger, size_t device, char **ret_message)
{
        const Reservation found =
                reserve_judge(ledger->policy, ledger->world->snapshot, device,
                              ledger->world->paths[device], false);

        if (!reserve_has_changed(&found))
                return 0;
        _cleanup_(freep) char *why = reserve_describe(ledger->world->snapshot, &found);
        if (!why)
                return -ENOMEM;
        return host_refuse(REFUSAL_CHANGED, ret_message,
                           "%s; if that is correct, root accepts it with: isoctl reserve --accept "
                           "\"%s\"",
                           why, found.rule->origin);
}

int plan_check_strength(const Ledger *ledger, size_t group, size_t device, char **ret_message)
{
        const PolicySubject subject = world_subject(ledger->world, device);
        const PolicyRule *rule = policy_find_rule(ledger->policy, &subject);
        const char *id = ledger->world->groups->groups[group].id;
        _cleanup_(strength_freep) Strength *strength = NULL;

        if (!rule || rule->require.strength == 0)
                return 0;
        int r = world_strength(ledger->world, &ledger->host, group, &strength);
        if (r == REFUSAL_CHANGED)
                return host_refuse(REFUSAL_CHANGED, ret_message,
                                   "the members of group %s have changed; try again", id);
        if (r != 0)
                return r < 0 ? r : -ENODEV;
        for (size_t i = 0; i < _STRENGTH_N; i++) {
                const StrengthFact *fact = &strength->bits[i];

                if ((rule->require.strength >> i & 1) == 0 || fact->value == TRISTATE_YES)
                        continue;
                return host_refuse(REFUSAL_TOO_WEAK, ret_message,
                                   "group %s: policy rule %s requires \"%s\", which is %s: %s", id,
                                   rule->origin, strength_bit_to_string((StrengthBit)i),
                                   tristate_to_string(fact->value), fact->text);
        }
        return 0;
}
