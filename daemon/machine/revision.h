/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A device's fingerprint with its revision, which a snapshot does not have. */

#include "core/model/fingerprint.h"
#include "core/model/snapshot.h"
#include "daemon/host/host.h"

/*
 * Makes the fingerprint, which tells the device from another one in its place. A revision that
 * cannot be read is unknown.
 */
Fingerprint world_fingerprint(const HostPaths *host, const PciDevice *device);
