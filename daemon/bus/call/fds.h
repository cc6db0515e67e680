/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Descriptors in a reply, also more than one message may carry.
 *
 * dbus-daemon closes the connection of a sender whose message has more than 16 descriptors
 * (max_message_unix_fds in its configuration); the lease fd is one of them. The reply carries the
 * first ones. The last descriptor is then a socket named BUS_FDS_MORE that carries the rest. Each
 * packet on it has the names of its descriptors, one per line, and the descriptors (unix(7),
 * SCM_RIGHTS). The socket ends after the last packet.
 */

#include <systemd/sd-bus.h>

#include "daemon/host/vfio.h"

#define BUS_FDS_MORE "more"

/* Appends the descriptors as a(sh). Returns 0 or -errno. */
_nodiscard_ int bus_append_fds(sd_bus_message *reply, const VfioFds *fds);
