/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Takes the address space away first: from then on the devices reach no memory, even if somebody
 * sets the bit of the Command register again.
 */

#include <errno.h>
#include <string.h>

#include "daemon/host/driver.h"
#include "daemon/host/health.h"
#include "daemon/lease/halt.h"

/* A device that has another driver by now, or none, is not stopped here. */
static int halt_device(const HostPaths *host, const LeaseRecord *record, const LeaseDevice *device,
                       char **ret_message)
{
        _cleanup_(freep) char *driver = NULL;

        if (device->role != LEASE_ROLE_TAKEN || !lease_record_has_hold(record, device))
                return 0;
        int r = driver_read(host, device->bdf, &driver);
        if (r != 0 || strcmp(driver, device->driver) != 0)
                return r == -ENOENT ? 0 : r;
        return health_stop_master(host, device->bdf, ret_message);
}

int lease_halt(const HostPaths *host, const LeaseRecord *record, const VfioFds *fds,
               char **ret_message)
{
        int first = 0;

        vfio_detach(fds);
        for (size_t i = 0; i < record->n_devices; i++) {
                _cleanup_(freep) char *message = NULL;

                int r = halt_device(host, record, &record->devices[i], &message);
                host_keep_first(r, &message, &first, ret_message);
        }
        return first;
}
