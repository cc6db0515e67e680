/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The subcommands of `isoctl policy`, each a function that gets the arguments after its name. */

#include "cli/isoctl.h"

/* Reads policy files. Returns EXIT_DONE, or the exit code after reporting the error. */
int policy_open(Invocation *invocation, const char *const *paths, unsigned flags, iso_policy **ret);

/* The same, but a file with an error is a failure: for callers that need the rules in force. */
int policy_open_good(Invocation *invocation, const char *const *paths, unsigned flags,
                     iso_policy **ret);

int policy_test(Invocation *invocation, const char *const *paths);
int policy_generate(Invocation *invocation, const char *const *arguments);

static inline void policy_freep(iso_policy **policy)
{
        *policy = iso_policy_free(*policy);
}
