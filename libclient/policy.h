/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Policy files as a client of the library sees them: each file, and the policy of all files
 * together.
 */

#include "core/probe/policy_files.h"
#include "libclient/arena.h"
#include "libclient/isolation.h"

/* Names of users or of groups, each of which has a number of its own. */
typedef struct PolicyCrowd {
        char **names;
        size_t n_names;
} PolicyCrowd;

struct iso_policy {
        Arena arena;
        char *message;
        bool any_names;
        PolicyCrowd users, groups;

        PolicyFiles list;       /* of the directories */
        iso_policy_file *files; /* of the directories, and the named files */
        size_t n_files;
        Policy *policy; /* of all files in effect, in their order; empty if one is refused */
        iso_policy_rule *rules;
};

/* Sets the message; returns `error`. */
int policy_fail(iso_policy *policy, int error, const char *format, ...) _printf_(3, 4);

/*
 * Finds the number of a name in the system's user database or, with any_names, makes a unique
 * number. A PolicyNameLookup; `userdata` is the iso_policy.
 */
_nodiscard_ int policy_find_user(const char *name, void *userdata, uint32_t *ret_id);
_nodiscard_ int policy_find_group(const char *name, void *userdata, uint32_t *ret_id);
