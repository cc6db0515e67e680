/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Policy files: JSON with comments, read into an immutable Policy.
 *
 * Files of the same name shadow each other (/etc over /run over /usr/lib); what remains is read in
 * lexical order. Anything not understood (an unknown key, a user that does not exist, a wrong type)
 * refuses the whole policy: a typo must never widen access.
 */

#include "core/model/base.h"
#include "core/model/policy.h"

enum {
        _POLICY_E_SUCCESS,
        POLICY_E_INVALID, /* *ret_message says where and what */
};

/*
 * Loads `*.json` from the NULL-terminated list of directories, highest precedence first. A missing
 * directory is an empty one. Returns 0, POLICY_E_INVALID with *ret_message (freed by the caller),
 * or -errno.
 */
_nodiscard_ int policy_load(const char *const *directories, Policy **ret_policy,
                            char **ret_message);

/*
 * The same without asking who anybody is: users and groups named by name are nobody. For the early
 * boot, where names cannot be looked up yet. Such a policy says what is reserved, not who may
 * lease.
 */
_nodiscard_ int policy_load_nameless(const char *const *directories, Policy **ret_policy,
                                     char **ret_message);

/* Parses one file's text; `name` is used in messages. Appends to `policy`. Same returns. */
_nodiscard_ int policy_parse(Policy *policy, const char *name, const char *text, size_t n_text,
                             char **ret_message);
_nodiscard_ int policy_parse_nameless(Policy *policy, const char *name, const char *text,
                                      size_t n_text, char **ret_message);
