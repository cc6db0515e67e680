/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Creates the virtual functions that a lease has lost, and takes them back.
 *
 * They are created without drivers, taken as at the start of the lease, and claimed with its
 * descriptors. Then the other VFs of the PF get their drivers. Uses only the record and may run
 * twice. For workers.
 */

#include "daemon/host/host.h"
#include "daemon/host/vfio.h"
#include "daemon/lease/record.h"

/*
 * Takes back the VFs that the record calls `returning`. If a device is to be recreated and
 * sriov_numvfs of its PF is 0, that is written first. The changes from `first` on are made for this
 * time only, and undone. `fds` are the descriptors of the lease. Returns 0 and replaces them by the
 * new ones, or a Refusal with *ret_message or -errno, and gives the VFs back to the host.
 */
_nodiscard_ int recreate_vfs(const HostPaths *host, const LeaseRecord *record, size_t first,
                             VfioFds *fds, char **ret_message);
