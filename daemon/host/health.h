/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Is a function without a driver fit to be handed on: does it answer, is it awake, and does it
 * start no requests of its own?
 *
 * All may block: for workers. They return 0, a Refusal with *ret_message, or -errno.
 */

#include <stdint.h>

#include "daemon/host/host.h"

/*
 * Whether it answers and is out of D3: it is asked to wake (power/control "on") and has a second.
 * What cannot be read is refused like what does not answer; -ENOENT if the device is gone.
 */
_nodiscard_ int health_check(const HostPaths *host, Bdf bdf, char **ret_message);

/* Switches bus mastering off and reads that back. */
_nodiscard_ int health_stop_master(const HostPaths *host, Bdf bdf, char **ret_message);

/*
 * Whether what a group's devices send unasked would reach memory: its default domain is an identity
 * one, or is not known to be another.
 */
bool health_reaches_memory(const HostPaths *host, int32_t group);
