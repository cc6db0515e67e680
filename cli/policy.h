/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What `isoctl policy` does: each in its own function, with the arguments behind its name. */

#include "cli/isoctl.h"

/* Reads policy files; returns EXIT_DONE, or the exit code when it has said what is wrong. */
int policy_open(Invocation *invocation, const char *const *paths, unsigned flags, iso_policy **ret);

/* The same, for what needs rules in force: a file with an error is a failure. */
int policy_open_good(Invocation *invocation, const char *const *paths, unsigned flags,
                     iso_policy **ret);

int policy_test(Invocation *invocation, const char *const *paths);
int policy_generate(Invocation *invocation, const char *const *arguments);

static inline void policy_freep(iso_policy **policy)
{
        *policy = iso_policy_free(*policy);
}
