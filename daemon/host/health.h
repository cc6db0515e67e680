/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Checks whether a function without a driver is fit to be handed on: whether it answers, is awake,
 * and starts no requests by itself.
 *
 * All may block: for workers. They return 0, a Refusal with *ret_message, or -errno.
 */

#include <stdint.h>

#include "daemon/host/host.h"

/*
 * Checks that it answers and is not in D3: sets power/control to "on" and waits up to one second. A
 * function that cannot be read is refused like one that does not answer; -ENOENT if the device is
 * gone.
 */
_nodiscard_ int health_check(const HostPaths *host, Bdf bdf, char **ret_message);

/* Switches bus mastering off and reads that back. */
_nodiscard_ int health_stop_master(const HostPaths *host, Bdf bdf, char **ret_message);

/*
 * Whether DMA that the devices of a group start by themselves would reach memory: its default
 * domain is of type identity, or is not known to be of another type.
 */
bool health_reaches_memory(const HostPaths *host, int32_t group);
