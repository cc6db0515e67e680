/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Runs a program under a lease. */

#include <stddef.h>

/*
 * Runs the command, which inherits the `n_fds` fds; closes them in this process. Forwards SIGHUP,
 * SIGINT, SIGQUIT and SIGTERM to the command and waits for its end. *ret_code gets its exit code,
 * 128 + N if signal N ended it, 127 if it was not found and 126 if it could not be run; *ret_error
 * gets the errno of these two, else 0. The kernel kills the command if this process is killed.
 * Returns 0 or -errno.
 */
int child_run(char *const *command, const int *fds, size_t n_fds, int *ret_code, int *ret_error);
