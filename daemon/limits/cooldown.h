/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Groups that a user has given back a moment ago and may not have again at once, where the policy
 * says so (`cooldown`).
 *
 * Other users may have them, so a user who takes and gives back in a loop leaves gaps for them. It
 * does not apply to root, and is not kept over a restart.
 */

#include "daemon/ledger/ledger.h"

extern const Module cooldown_module;

/*
 * Returns 0, or REFUSAL_BUSY with *ret_message if the user may not have the group of that id yet.
 * EVENT_GROUP_FREED is reported when the user may.
 */
_nodiscard_ int cooldown_check(const Ledger *ledger, const char *group, uid_t uid,
                               char **ret_message);
