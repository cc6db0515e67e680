/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Groups that a user has given back recently and may not have again yet, where the policy says so
 * (`cooldown`).
 *
 * Other users may have them, so a user who acquires and releases in a loop leaves time for others.
 * Root has no cooldown. A restart of the daemon clears it.
 */

#include "daemon/ledger/ledger.h"

extern const Module cooldown_module;

/*
 * Returns 0, or REFUSAL_BUSY with *ret_message if the user may not have the group of that id yet.
 * EVENT_GROUP_FREED is reported when the user may.
 */
_nodiscard_ int cooldown_check(const Ledger *ledger, const char *group, uid_t uid,
                               char **ret_message);
