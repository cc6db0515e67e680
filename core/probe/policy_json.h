/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reads policy files, JSON with comments, into an immutable Policy.
 *
 * A file shadows files of the same name in lower directories (/etc over /run over /usr/lib); the
 * others are read in lexical order. Any error (an unknown key, a user that does not exist, a wrong
 * type) refuses the whole policy: a typo must never widen access.
 */

#include "core/model/base.h"
#include "core/model/policy.h"
#include "core/probe/trust.h"

/* The directories in force, highest precedence first; NULL-terminated. */
extern const char *const policy_directories[];

enum {
        _POLICY_E_SUCCESS,
        POLICY_E_INVALID, /* *ret_message has the place and the error */
};

/* Finds the number of a name. Returns 0, POLICY_NAMES_E_UNKNOWN or -errno. */
typedef int (*PolicyNameLookup)(const char *name, void *userdata, uint32_t *ret_id);

/* Looks up names of users and of groups. */
typedef struct PolicyLookup {
        PolicyNameLookup user, group;
        void *userdata;
} PolicyLookup;

/* The system's user database. */
extern const PolicyLookup policy_lookup_system;
/* Finds no name: for early boot, when names cannot be looked up yet. */
extern const PolicyLookup policy_lookup_nobody;

typedef struct PolicyOptions {
        const PolicyLookup *lookup;
        const Trust *trust; /* owner and mode that files must have; NULL: any */
        bool keep_text;     /* keep the text of each rule in PolicyRule.text */
} PolicyOptions;

/* Why a file is refused. */
typedef struct PolicyFault {
        char *message; /* "FILE:LINE:COLUMN: …"; without line and column if unreadable */
        char *excerpt; /* the line, and below it a mark under the place; NULL if there is none */
        size_t line, column; /* from 1; 0: none */
} PolicyFault;

/* Frees the contents of a fault, and empties it. */
void policy_fault_clear(PolicyFault *fault);

/*
 * Loads `*.json` from the NULL-terminated list of directories, highest precedence first. A missing
 * directory is empty; a directory or file that fails `trust` is an error. Returns 0,
 * POLICY_E_INVALID with *ret_message (freed by the caller), or -errno.
 */
_nodiscard_ int policy_load(const char *const *directories, const Trust *trust, Policy **ret_policy,
                            char **ret_message);

/*
 * The same without looking up users and groups. Such a policy shows the reservations, but not who
 * may lease.
 */
_nodiscard_ int policy_load_nameless(const char *const *directories, const Trust *trust,
                                     Policy **ret_policy, char **ret_message);

/*
 * Parses one file's text. `name` is its path: messages have the whole path, rules the last
 * component. Appends to `policy`, also the rules before a fault. Returns 0, POLICY_E_INVALID with
 * *ret_fault (cleared by the caller), or -errno.
 */
_nodiscard_ int policy_parse_text(Policy *policy, const char *name, const char *text, size_t n_text,
                                  const PolicyOptions *options, PolicyFault *ret_fault);

/* The same with one lookup, and only a message. */
_nodiscard_ int policy_parse(Policy *policy, const char *name, const char *text, size_t n_text,
                             char **ret_message);
_nodiscard_ int policy_parse_nameless(Policy *policy, const char *name, const char *text,
                                      size_t n_text, char **ret_message);
