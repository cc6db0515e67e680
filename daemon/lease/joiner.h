/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Takes a joiner for its owner, and undoes that after a failure.
 *
 * Runs in a worker, from the record alone. The record marks the joiner as being taken before this
 * begins. The undo compares before it writes, and may run at any point and twice.
 */

#include "daemon/host/host.h"
#include "daemon/host/vfio.h"
#include "daemon/lease/record.h"

/*
 * Binds a joiner to its VFIO driver, and claims it with the descriptors of the lease (`held`). In
 * mode iommufd *ret_fds gets its "device:BDF". In mode vfio it gets a new "group:N" if the kernel's
 * group had ended with its last device, else nothing. Returns 0, or a Refusal with *ret_message or
 * -errno with the joiner as it was (REFUSAL_QUARANTINED: the joiner could not be restored).
 */
_nodiscard_ int joiner_take(const HostPaths *host, const LeaseRecord *record,
                            const LeaseDevice *device, const VfioFds *held, VfioFds *ret_fds,
                            char **ret_message);

/* Holds a joiner again that was being taken. Returns 0 (also if it is gone), a Refusal, or -errno.
 */
_nodiscard_ int joiner_untake(const HostPaths *host, const LeaseDevice *device, char **ret_message);
