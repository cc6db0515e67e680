/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the revision from sysfs. */

#include "daemon/machine/revision.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

Fingerprint world_fingerprint(const HostPaths *host, const PciDevice *device)
{
        Fingerprint fingerprint = fingerprint_of(device);
        char path[PATH_MAX], text[BDF_TEXT_SIZE], *end;
        _cleanup_(freep) char *value = NULL;

        (void)snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/revision", host->sysfs,
                       bdf_format(device->bdf, text));
        if (host_read_text(path, &value) < 0)
                return fingerprint;
        unsigned long revision = strtoul(value, &end, 16);
        fingerprint.has_revision = end != value && !*end && revision <= UINT8_MAX;
        fingerprint.revision = fingerprint.has_revision ? (uint8_t)revision : 0;
        return fingerprint;
}
