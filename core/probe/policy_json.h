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
#include "core/probe/trust.h"

/* The directories in force, highest precedence first; NULL-terminated. */
extern const char *const policy_directories[];

enum {
        _POLICY_E_SUCCESS,
        POLICY_E_INVALID, /* *ret_message says where and what */
};

/* Finds the number of a name. Returns 0, POLICY_NAMES_E_UNKNOWN or -errno. */
typedef int (*PolicyNameLookup)(const char *name, void *userdata, uint32_t *ret_id);

/* Who is who: names of users and of groups. */
typedef struct PolicyLookup {
        PolicyNameLookup user, group;
        void *userdata;
} PolicyLookup;

/* The system's user database. */
extern const PolicyLookup policy_lookup_system;
/* Every name is nobody's: for the early boot, where names cannot be looked up yet. */
extern const PolicyLookup policy_lookup_nobody;

typedef struct PolicyOptions {
        const PolicyLookup *lookup;
        const Trust *trust; /* who may write the files; NULL: anybody */
        bool keep_text;     /* each rule's, in PolicyRule.text */
} PolicyOptions;

/* Why a file is refused. */
typedef struct PolicyFault {
        char *message; /* "FILE:LINE:COLUMN: …"; without line and column if it cannot be read */
        char *excerpt; /* the line, and below it a mark under the place; NULL if there is none */
        size_t line, column; /* from 1; 0: none */
} PolicyFault;

/* Frees what a fault holds, and empties it. */
void policy_fault_clear(PolicyFault *fault);

/*
 * Loads `*.json` from the NULL-terminated list of directories, highest precedence first. A missing
 * directory is an empty one; a directory or file that others than `trust` says may change is a
 * mistake. Returns 0, POLICY_E_INVALID with *ret_message (freed by the caller), or -errno.
 */
_nodiscard_ int policy_load(const char *const *directories, const Trust *trust, Policy **ret_policy,
                            char **ret_message);

/*
 * The same without asking who anybody is: users and groups named by name are nobody. Such a policy
 * says what is reserved, not who may lease.
 */
_nodiscard_ int policy_load_nameless(const char *const *directories, const Trust *trust,
                                     Policy **ret_policy, char **ret_message);

/*
 * Parses one file's text; `name` is its path, of which messages have all and rules the last part.
 * Appends to `policy`, also what was read before a fault. Returns 0, POLICY_E_INVALID with
 * *ret_fault (cleared by the caller), or -errno.
 */
_nodiscard_ int policy_parse_text(Policy *policy, const char *name, const char *text, size_t n_text,
                                  const PolicyOptions *options, PolicyFault *ret_fault);

/* The same with one of the lookups, and a message only. */
_nodiscard_ int policy_parse(Policy *policy, const char *name, const char *text, size_t n_text,
                             char **ret_message);
_nodiscard_ int policy_parse_nameless(Policy *policy, const char *name, const char *text,
                                      size_t n_text, char **ret_message);
