/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Descriptors in a reply, more of them than a message may carry.
 *
 * dbus-daemon ends the connection of whoever sends a message with more than 16
 * (max_message_unix_fds of its configuration, and the lease's own is one). The first ones are in
 * the message; the rest waits in a socket, which is the last: named BUS_FDS_MORE, of packets, each
 * with the names, one a line, of the descriptors that come with it (unix(7), SCM_RIGHTS), until its
 * end.
 */

#include <systemd/sd-bus.h>

#include "daemon/host/vfio.h"

#define BUS_FDS_MORE "more"

/* Appends them as an a(sh). Returns 0 or -errno. */
_nodiscard_ int bus_append_fds(sd_bus_message *reply, const VfioFds *fds);
