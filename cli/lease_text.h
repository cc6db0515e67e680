/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Requesting and printing a lease, shared by `acquire` and `run`. */

#include "cli/document.h"
#include "cli/isoctl.h"

/* The request that the invocation's options make, with that lifetime. */
iso_acquire_options lease_options(const Invocation *invocation, const char *lifetime);

/*
 * Reports the refusal of iso_acquire(). Returns the exit code; a wait that timed out has its own.
 */
int fail_acquire(const Invocation *invocation, int error);

/* "lease 7 · group 0000:00/1c.4 · vfio · guard owned"; the caller frees it. */
char *lease_describe(const iso_lease *lease);

/* The document isolationd.acquire/1. */
json_object *json_acquired(const iso_lease *lease);

/* Prints that the verb has ended a lease; `how` is a word or two. */
void tell_ended(const Invocation *invocation, uint32_t lease, const char *how,
                const iso_reset *resets, size_t n);
