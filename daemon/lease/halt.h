/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Stops DMA of leased devices while their owner may still have them open.
 *
 * If the kernel allows it, the devices are detached from their address space, or all its mappings
 * are removed, so that they reach no memory. Bus mastering is switched off in any case. An owner
 * that still uses a device can switch that on again. Only unbinding takes the device away for good,
 * and that waits for the owner.
 */

#include "daemon/host/vfio.h"
#include "daemon/lease/record.h"

/*
 * Stops all taken devices of a lease that still have the driver of the lease; `fds` are the
 * daemon's copies of the descriptors that were handed out. Blocks: for workers. Goes on after a
 * failure. Returns 0, the first Refusal with *ret_message, or -errno.
 */
int lease_halt(const HostPaths *host, const LeaseRecord *record, const VfioFds *fds,
               char **ret_message);
