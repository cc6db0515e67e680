/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What policy rules require of a lease: its guard, its strength, and that the machine is unchanged. */

#include "core/model/guard.h"
#include "daemon/ledger/ledger.h"

/*
 * Finds the guard that a group would have if leased in that mode. Returns 0 and *ret_layer, or
 * -errno.
 */
_nodiscard_ int plan_expect_guard(const Ledger *ledger, size_t group, LeaseMode mode,
                                  GuardLayer *ret_layer);

/* Which of two rules, each may be NULL, requires the stronger guard; NULL if neither requires one. */
const PolicyRule *plan_stronger_demand(const PolicyRule *demand, const PolicyRule *rule);

/*
 * Refuses a lease whose guard would be weaker than a rule requires. Returns 0, REFUSAL_TOO_WEAK
 * with *ret_message, or -errno.
 */
_nodiscard_ int plan_check_demand(const Ledger *ledger, size_t group, LeaseMode mode,
                                  const PolicyRule *demand, char **ret_message);

/*
 * Refuses a device that differs, or is in another group, than the fingerprint of the rule that
 * reserves it. Returns 0, REFUSAL_CHANGED with *ret_message, or -errno.
 */
_nodiscard_ int plan_check_expected(const Ledger *ledger, size_t device, char **ret_message);

/*
 * Refuses a group that is weaker than the rule requires that decides about a member of it. Returns
 * 0, REFUSAL_TOO_WEAK or REFUSAL_CHANGED with *ret_message, or -errno.
 */
_nodiscard_ int plan_check_strength(const Ledger *ledger, size_t group, size_t device,
                                    char **ret_message);

/*
 * Puts on record what two rules say about the lease: the one that allows it, and the one that
 * requires the most.
 */
void plan_record_rules(LeaseRecord *record, const PolicyRule *rule, const PolicyRule *demand);
