/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Chooses the VFIO driver of each device of a lease, before anything is unbound, and puts it on
 * record.
 */

#include "daemon/host/host.h"
#include "daemon/lease/record.h"

/* Called with the reason if a device does not get the best driver. */
typedef void (*LeaseDriversTell)(const LeaseRecord *record, const char *text);

/*
 * Sets `driver` of every taken device: the driver made for it (core/model/variant.h), if its module
 * can be loaded and has the driver, or else vfio-pci. With `wanted` (not ""), the VFIO driver of
 * that name for all of them, or a refusal. Runs in a worker, as it may load modules. *ret_changed
 * tells whether to save the record. Returns 0, a Refusal with *ret_message, or -errno.
 */
_nodiscard_ int lease_drivers_choose(const HostPaths *host, LeaseRecord *record, const char *wanted,
                                     LeaseDriversTell tell, bool *ret_changed, char **ret_message);

/*
 * The same without changing anything: a driver whose module is not loaded yet has the name of the
 * module. Returns 0 or -errno.
 */
_nodiscard_ int lease_drivers_predict(const HostPaths *host, LeaseRecord *record,
                                      const char *wanted);

/*
 * Sets `driver` of one device without loading anything, as the event loop decides about joiners.
 * Returns 0 or -errno.
 */
_nodiscard_ int lease_drivers_choose_loaded(const HostPaths *host, LeaseDevice *device);
