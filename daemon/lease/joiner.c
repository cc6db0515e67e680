/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The same order as for members: override, driver, claim. A held device has no driver to unbind. */

#include <errno.h>
#include <string.h>

#include "daemon/host/block.h"
#include "daemon/host/driver.h"
#include "daemon/lease/clean.h"
#include "daemon/lease/joiner.h"
#include "daemon/lease/steps.h"

static int claim(const HostPaths *host, const LeaseRecord *record, const LeaseDevice *device,
                 const VfioFds *held, VfioFds *ret_fds, char **ret_message)
{
        int32_t group;

        int r = vfio_read_group(host, device->bdf, &group);
        if (r < 0)
                return r;
        return vfio_claim_again(host, record->mode, held, device->bdf, group, ret_fds, ret_message);
}

int joiner_take(const HostPaths *host, const LeaseRecord *record, const LeaseDevice *device,
                const VfioFds *held, VfioFds *ret_fds, char **ret_message)
{
        _cleanup_(freep) char *message = NULL, *undo_message = NULL;
        char text[BDF_TEXT_SIZE];

        int r = driver_override_write(host, device->bdf, device->driver, &message);
        if (r == 0)
                r = driver_bind(host, device->bdf, device->driver, &message);
        if (r == 0)
                r = claim(host, record, device, held, ret_fds, &message);
        if (r == 0)
                return 0;

        int undo = joiner_untake(host, device, &undo_message);
        if (undo != 0)
                return host_refuse(REFUSAL_QUARANTINED, ret_message,
                                   "%s; holding it again failed too: %s",
                                   message ? message : strerror(-r),
                                   undo_message ? undo_message : strerror(-undo));
        if (r == -ENOENT)
                return host_refuse(REFUSAL_CHANGED, ret_message,
                                   "%s vanished while it was being taken",
                                   bdf_format(device->bdf, text));
        *ret_message = TAKE_PTR(message);
        return r;
}

int joiner_untake(const HostPaths *host, const LeaseDevice *device, char **ret_message)
{
        _cleanup_(freep) char *driver = NULL, *override = NULL;

        int r = driver_read(host, device->bdf, &driver);
        if (r == 0)
                r = driver_override_read(host, device->bdf, &override);
        /*
         * Write the override first, so that no other driver can bind when ours is unbound. Our
         * override marks a device that is still to be restored.
         */
        if (r == 0 && !device->owed && strcmp(override, device->driver) == 0)
                r = driver_override_write(host, device->bdf,
                                          device->before.override[0] ? device->before.override
                                                                     : BLOCK_OVERRIDE,
                                          ret_message);
        if (r == 0 && strcmp(driver, device->driver) == 0)
                r = driver_unbind(host, device->bdf, ret_message);
        if (r == 0 && !device->owed)
                r = lease_clean_settle(host, device, ret_message);
        return r == -ENOENT ? 0 : r;
}
