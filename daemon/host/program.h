/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Other programs, run to their end: for workers, not for the event loop.
 */

#include <stdbool.h>

#include "core/model/base.h"

/*
 * Runs a program with arguments of its own and no environment but a path. Returns 0 and how it
 * ended (wait(2)), a positive errno if it cannot be started, or -errno.
 */
_nodiscard_ int program_run(const char *program, char *const argv[], int *ret_status);

/* Whether the service manager has started this process and waits for its word. */
bool service_is_managed(void);

/*
 * Has the service manager restart a unit, and does not wait for that. Returns 0, or -errno: -EIO if
 * it refuses.
 */
_nodiscard_ int service_restart(const char *unit);
