/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How much memory the process that asks for a lease may lock. The requester is warned if it is too
 * little. If a policy rule says so (`memlock`), the limit is raised while the lease lasts.
 */

#include "daemon/host/memlock.h"
#include "daemon/ledger/ledger.h"
#include "daemon/limits/request.h"

/*
 * Checks whether the requester will be able to map the memory that the request names; `rule` (may
 * be NULL) is the rule that allows the lease. Returns 0 with *ret_warning (freed by the caller),
 * NULL if it will, or -ENOMEM.
 */
_nodiscard_ int memlock_check(const Ledger *ledger, const AcquireRequest *request,
                              const PolicyRule *rule, char **ret_warning);

/* Notes on record the limits that the requester has now, if `rule` (may be NULL) raises them. */
void memlock_record(const Ledger *ledger, const AcquireRequest *request, const PolicyRule *rule,
                    LeaseRecord *record);

/* Raises the limits of the process to those on record, or restores them: for workers. */
void memlock_set(const Lease *lease, bool raise);

/* After memlock_set(): why the process may still lock too little, or NULL. Freed by the caller. */
char *memlock_describe_shortfall(const Lease *lease);
