/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Object paths of devices, groups, leases and IOMMUs, both ways.
 */

#include "daemon/bus/call/call.h"

/* Object paths; strings the caller frees, or NULL if memory is short. */
char *bus_path_device(Bdf bdf);
char *bus_path_group(const char *id);
char *bus_path_lease(uint32_t id);
char *bus_path_iommu(const char *name);

/* The index of the object that a path of that kind names, or SNAPSHOT_NONE. */
size_t bus_find_device(const Ledger *ledger, const char *path);
size_t bus_find_group(const Ledger *ledger, const char *path);
size_t bus_find_iommu(const Ledger *ledger, const char *path); /* of a device that it covers */

/* The lease that a path names, borrowed; or NULL. */
Lease *bus_find_lease(const Ledger *ledger, const char *path);
