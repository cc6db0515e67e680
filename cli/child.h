/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A program that runs under a lease.
 */

#include <stddef.h>

/*
 * Runs the command with the `n_fds` fds inherited, which are closed here, passes SIGHUP, SIGINT, SIGQUIT and SIGTERM on to
 * it and waits for its end. *ret_code gets its exit code, 128 + N if signal N ended it, 127 if it
 * was not found and 126 if it could not be run; *ret_error the errno of these two, else 0. It is
 * killed if this process is. Returns 0 or -errno.
 */
int child_run(char *const *command, const int *fds, size_t n_fds, int *ret_code, int *ret_error);
