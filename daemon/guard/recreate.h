/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Virtual functions that a lease has lost, brought into being again and taken back.
 *
 * They are born without drivers, taken as at the start, and claimed with what the lease has; the
 * others of the PF get their drivers then. Goes from the record alone and may run twice. For
 * workers.
 */

#include "daemon/host/host.h"
#include "daemon/host/vfio.h"
#include "daemon/lease/record.h"

/*
 * Takes back the VFs that the record calls `returning`. For those of devices that are to be
 * recreated, the PF's sriov_numvfs is written first, if it is 0. Changes from `first` on are made
 * for the time of this and undone. `fds` are the lease's; returns 0 and replaces them by those that
 * are new, or a Refusal with *ret_message or -errno, with the VFs left to the host.
 */
_nodiscard_ int recreate_vfs(const HostPaths *host, const LeaseRecord *record, size_t first,
                             VfioFds *fds, char **ret_message);
