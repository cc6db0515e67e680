/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the revision from sysfs. */

#include "daemon/machine/revision.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

Fingerprint world_fingerprint(const HostPaths *host, const PciDevice *device)
{
        Fingerprint fingerprint = fingerprint_of(device);
        _cleanup_(freep) char *value = NULL;
        char *end;

        if (host_read_device(host, device->bdf, "revision", &value) < 0)
                return fingerprint;
        unsigned long revision = strtoul(value, &end, 16);
        fingerprint.has_revision = end != value && !*end && revision <= UINT8_MAX;
        fingerprint.revision = fingerprint.has_revision ? (uint8_t)revision : 0;
        return fingerprint;
}
