/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The connection to the system bus: sd-bus, which writes to the bus directly and reads through the
 * gate (access/gate.h).
 *
 * No function of sd-bus may wait for an answer: while it waits, nothing comes through the gate.
 */

#include <event2/event.h>
#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "core/model/base.h"

typedef struct Connection Connection;

/*
 * Connects, and waits until the bus has accepted the connection. Returns 0 and *ret, or -errno. The
 * event base must outlive the connection.
 */
_nodiscard_ int connection_open(struct event_base *base, Connection **ret_connection);

/* Sends all queued messages, closes the connection and frees it. NULL is fine. Returns NULL. */
Connection *connection_close(Connection *connection);
DEFINE_CLEANUP(Connection *, connection_close);

/* The sd-bus object of the connection, borrowed. */
sd_bus *connection_bus(const Connection *connection);

/* Takes a name on the bus. Returns 0 or -errno (-EEXIST: another daemon has it). */
_nodiscard_ int connection_take_name(Connection *connection, const char *name);

/* Gives the name up. Returns 0 or -errno. */
_nodiscard_ int connection_leave_name(Connection *connection, const char *name);

/*
 * Reads from the bus through the gate, unless the bus reads too slowly. A client that sends calls
 * and reads no answers then waits, and the answers do not fill the daemon's memory. Returns as
 * gate_turn().
 */
_nodiscard_ int connection_read(Connection *connection);

/*
 * Asks the event loop to wake for the sockets and the timeout of sd-bus, and for the gate; or at
 * once. Returns 0 or -errno.
 */
_nodiscard_ int connection_arm(Connection *connection, bool at_once);
