/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What leased devices send is stopped while their owner may still have them open.
 *
 * Where the kernel lets us at their address space, they are taken out of it, or everything in it is
 * taken away, so that no memory is within reach; and bus mastering is switched off in any case. An
 * owner who is not done with a device can switch that on again: what takes it from them for good is
 * the unbinding, which waits for them. Until then a device that nobody stops goes no further.
 */

#include "daemon/host/vfio.h"
#include "daemon/lease/record.h"

/*
 * Stops all taken devices of a lease that still have the lease's driver; `fds` are the daemon's
 * copies of what was handed out. Blocks: for a worker. Goes on after a failure. Returns 0, the first
 * Refusal with *ret_message, or -errno.
 */
int lease_halt(const HostPaths *host, const LeaseRecord *record, const VfioFds *fds,
               char **ret_message);
