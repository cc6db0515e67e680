/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How a lease is asked for and told of, the same for `acquire` and `run`.
 */

#include "cli/document.h"
#include "cli/isoctl.h"

/* What the invocation's options ask for, with that lifetime. */
iso_acquire_options lease_options(const Invocation *invocation, const char *lifetime);

/* "lease 7 · group 0000:00/1c.4 · vfio · guard owned"; the caller frees it. */
char *lease_describe(const iso_lease *lease);

/* The document isolationd.acquire/1. */
json_object *json_acquired(const iso_lease *lease);
