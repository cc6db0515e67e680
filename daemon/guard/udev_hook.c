/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Takes from the watch file what the admitting process takes from its orders. */

#include "daemon/guard/udev_hook.h"

#include <errno.h>
#include <string.h>

#include "daemon/guard/gate.h"
#include "daemon/guard/watchfile.h"

static int let_in(const HostPaths *host, const WatchFile *file, const char *function)
{
        _cleanup_(freep) char *driver = NULL;
        char path[PATH_MAX];
        Bdf bdf;

        if (!bdf_parse(function, &bdf))
                return -EINVAL;
        int r = place_of(host, bdf, path);
        if (r < 0 || places_contain(&file->places, path))
                return r;
        return gate_let_in(host, bdf, true, &driver);
}

int udev_hook_run(const HostPaths *host, const char *state_directory, const char *function,
               const char *driver)
{
        _cleanup_(watchfile_freep) WatchFile *file = NULL;

        int r = watchfile_load(state_directory, &file);
        if (r < 0 || !file || !file->gate_shut)
                return r;
        if (function)
                return let_in(host, file, function);
        if (!driver[0] || strchr(driver, '/'))
                return -EINVAL;
        return gate_admit(host, driver, &file->places);
}
