/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Does the host itself live on this device?
 *
 * Asked before any driver is unbound: mounted file systems and swap, through partitions and dm/md
 * holders, and network interfaces that are up. What cannot be read counts as in use: an unanswered
 * question must never tear away a root disk.
 */

#include "daemon/host/host.h"

/*
 * Returns 0 if nothing on the host is seen to use the device, REFUSAL_CRITICAL with the chain in
 * *ret_message (`0000:00:1f.2 is what /srv lives on (0000:00:1f.2 → sda → sda2 → md0 → /srv)`), or
 * -errno.
 */
_nodiscard_ int critical_check(const HostPaths *host, Bdf bdf, char **ret_message);
