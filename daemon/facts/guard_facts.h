/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The guard layer of a lease, in facts and in words. Nothing on the host is changed here.
 *
 * The facts are those of the last reading (guard_facts_look()); the layer follows from them by
 * core/model/guard.c each time a caller asks, and is never remembered.
 */

#include "core/model/guard.h"
#include "daemon/ledger/ledger.h"

extern const Module guard_facts_module;

/* Whether the kernel keeps host drivers out of the lease's kernel group `number` by itself. */
bool guard_is_owned(const Lease *lease, int32_t number);

/*
 * Reads the facts of all groups of the lease. `is_gated`: the kernel binds no driver to new
 * functions by itself. `found`, or NULL, is called for each port through which a device could join
 * a group that is not owned. Returns 0 or -errno.
 */
typedef int (*GuardPortFound)(Lease *lease, Bdf port);
_nodiscard_ int guard_facts_look(Lease *lease, bool is_gated, GuardPortFound found);

/* Sets the facts, for tests. Returns 0 or -ENOMEM. */
_nodiscard_ int guard_facts_set(Lease *lease, size_t group, const GuardFacts *facts);

/* The facts of the record's group of that index, or NULL before the first look. Borrowed. */
const GuardFacts *guard_facts_of(const Lease *lease, size_t group);

/* Those of a group in force, or NULL if no lease has it. Borrowed. */
const GuardFacts *guard_facts_of_group(const Ledger *ledger, size_t group);

/* Whether the kernel guards all groups until the daemon releases them. */
bool guard_facts_are_firm(const Lease *lease);

/* The weakest layer of a lease's groups: now, and at the last reading with an owner. */
GuardLayer lease_guard(const Lease *lease);
GuardLayer lease_guard_held(const Lease *lease);

/* Whether the guard of the lease is weaker than its rule requires. */
bool lease_is_weak(const Lease *lease);

/* The guard's last failure, or NULL. The text is copied. Returns whether the text has changed. */
const char *guard_trouble(const Lease *lease);
bool guard_set_trouble(Lease *lease, const char *trouble);

/* The strongest guard layer that holds now for a group in force. */
GuardLayer ledger_group_guard(const Ledger *ledger, size_t group);
