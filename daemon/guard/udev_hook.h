/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The gate's errands, run by udev while no sentinel may be there: `isolationd --let-in=ADDRESS` and
 * `--admit=DRIVER`. What they may do is what the watch file says.
 */

#include "daemon/host/host.h"

/*
 * Lets in a function, or gives a driver the functions that wait for it; one of the two is NULL.
 * Nothing is done if the gate was not shut by us, nor for what appears where newcomers are ours.
 * Returns 0 or -errno (-EINVAL: no address, -ENOENT: it is gone).
 */
_nodiscard_ int udev_hook_run(const HostPaths *host, const char *state_directory, const char *function,
                           const char *driver);
