/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A policy file changed in one place, its comments and all else left as they are.
 */

#include "core/model/base.h"
#include "core/probe/policy_json.h"

/*
 * Gives the rule of that number (from 0) another fingerprint, which is JSON; it has to reserve. What
 * comes out is a policy file again. Returns 0 and *ret_text (freed by the caller), POLICY_E_INVALID
 * with *ret_fault, -ENOENT if there is no such rule, or it reserves nothing, or -errno.
 */
_nodiscard_ int policy_set_fingerprint(const char *name, const char *text, size_t rule,
                                       const char *fingerprint, char **ret_text,
                                       PolicyFault *ret_fault);
