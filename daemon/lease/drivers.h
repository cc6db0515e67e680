/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which driver stands in for the owner of each device of a lease, decided before anything is
 * unbound and put on record.
 */

#include "daemon/host/host.h"
#include "daemon/lease/record.h"

/* Hears why a device gets another driver than the best there is. */
typedef void (*LeaseDriversTell)(const LeaseRecord *record, const char *text);

/*
 * Sets `driver` of every taken device: the one made for it (core/model/variant.h), its module
 * loaded and its driver there, or else vfio-pci. With `wanted` (not ""), a VFIO driver of that name
 * for all of them, or a refusal. Runs in a worker: it may load modules. *ret_changed tells whether
 * the record is to be saved. Returns 0, a Refusal with *ret_message, or -errno.
 */
_nodiscard_ int lease_drivers_choose(const HostPaths *host, LeaseRecord *record, const char *wanted,
                                     LeaseDriversTell tell, bool *ret_changed, char **ret_message);

/*
 * The same as far as can be told without touching anything: a driver whose module is not loaded yet
 * bears the module's name. Returns 0 or -errno.
 */
_nodiscard_ int lease_drivers_predict(const HostPaths *host, LeaseRecord *record,
                                      const char *wanted);

/*
 * Sets `driver` of one device without loading anything: a joiner's is decided in the event loop.
 * Returns 0 or -errno.
 */
_nodiscard_ int lease_drivers_choose_loaded(const HostPaths *host, LeaseDevice *device);
