/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Runs other programs to their end: for workers. */

#include <stdbool.h>

#include "core/model/base.h"

/*
 * Runs a program with the given arguments, and only a path in its environment. Returns 0 and its
 * wait(2) status, a positive errno if it cannot be started, or -errno.
 */
_nodiscard_ int program_run(const char *program, char *const argv[], int *ret_status);

/* Whether the service manager has started this process and waits for its notification. */
bool service_is_managed(void);

/*
 * Asks the service manager to restart a unit, and does not wait. Returns 0, or -errno: -EIO if it
 * refuses.
 */
_nodiscard_ int service_restart(const char *unit);
