/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Changes one value of a policy file; comments and all other text stay as they are. */

#include "core/model/base.h"
#include "core/probe/policy_json.h"

/*
 * Replaces the fingerprint (JSON) of the rule of that index, which must be a reservation. The
 * result is a valid policy file. Returns 0 and *ret_text (freed by the caller), POLICY_E_INVALID
 * with *ret_fault, -ENOENT if there is no such rule or it reserves nothing, or -errno.
 */
_nodiscard_ int policy_set_fingerprint(const char *name, const char *text, size_t rule,
                                       const char *fingerprint, char **ret_text,
                                       PolicyFault *ret_fault);
