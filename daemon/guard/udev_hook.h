/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The tasks of the admitting process, run by udev while there may be no guard process: `isolationd
 * --let-in=ADDRESS` and `--admit=DRIVER`. The watch file says what they may do.
 */

#include "daemon/host/host.h"

/*
 * Lets in `function`, or offers `driver` the functions that wait for it; one of the two is NULL.
 * Does nothing if the daemon did not shut the gate, nor for functions in the places of leased
 * groups. Returns 0 or -errno (-EINVAL: no address, -ENOENT: the function or driver is gone).
 */
_nodiscard_ int udev_hook_run(const HostPaths *host, const char *state_directory, const char *function,
                           const char *driver);
