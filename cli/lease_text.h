/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How a lease is asked for and told of, the same for `acquire` and `run`.
 */

#include "cli/document.h"
#include "cli/isoctl.h"

/* What the invocation's options ask for, with that lifetime. */
iso_acquire_options lease_options(const Invocation *invocation, const char *lifetime);

/*
 * What iso_acquire() refused. Returns the exit code: of a wait that came to its end, that of a time
 * that is up.
 */
int fail_acquire(const Invocation *invocation, int error);

/* "lease 7 · group 0000:00/1c.4 · vfio · guard owned"; the caller frees it. */
char *lease_describe(const iso_lease *lease);

/* The document isolationd.acquire/1. */
json_object *json_acquired(const iso_lease *lease);

/* Tells of a lease that has ended, by the verb that ended it, `how` in a word or two. */
void tell_ended(const Invocation *invocation, uint32_t lease, const char *how,
                const iso_reset *resets, size_t n);
