/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A forked child made independent of the daemon it comes from.
 */

#include <stddef.h>

#define CHILD_KEEP_MAX 512

/*
 * In the child: signals as in a new process, and nothing open above stderr but the `n_keep` fds of
 * `keep`, at most CHILD_KEEP_MAX: what hangs must hold nobody else's group open.
 */
void child_settle(const int *keep, size_t n_keep);
