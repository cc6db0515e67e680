/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Write the override before the host driver is unbound, so that no other driver can bind. */

#include <string.h>

#include "core/model/strength.h"
#include "daemon/host/block.h"
#include "daemon/host/driver.h"

int block_device(const HostPaths *host, Bdf bdf, const char *own, char **ret_evicted,
                 char **ret_message)
{
        _cleanup_(freep) char *override = NULL, *driver = NULL;

        *ret_evicted = NULL;
        int r = driver_override_read(host, bdf, &override);
        if (r == 0 && (own ? strcmp(override, own) != 0 : !override[0]))
                r = driver_override_write(host, bdf, own ? own : BLOCK_OVERRIDE, ret_message);
        if (r == 0)
                r = driver_read(host, bdf, &driver);
        if (r != 0)
                return r;
        if (driver_is_harmless(driver))
                return 0;
        *ret_evicted = TAKE_PTR(driver);
        return driver_unbind(host, bdf, ret_message);
}

int block_undo(const HostPaths *host, Bdf bdf, char **ret_message)
{
        _cleanup_(freep) char *override = NULL;

        int r = driver_override_read(host, bdf, &override);
        if (r != 0 || strcmp(override, BLOCK_OVERRIDE) != 0)
                return r;
        return driver_override_write(host, bdf, "", ret_message);
}
