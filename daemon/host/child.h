/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Makes a forked child independent of the daemon. */

#include <stddef.h>

#define CHILD_KEEP_MAX 512

/*
 * Call it in the child: resets signals as in a new process, and closes all fds above stderr but the
 * `n_keep` fds of `keep`, at most CHILD_KEEP_MAX, so that a child that hangs keeps no other group
 * open.
 */
void child_settle(const int *keep, size_t n_keep);
