/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The connection to the system bus: sd-bus, which writes to the bus itself and reads through a
 * gate.
 *
 * sd-bus must not wait for an answer by itself, as nothing would come through the gate meanwhile.
 */

#include <event2/event.h>
#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "core/model/base.h"

typedef struct Connection Connection;

/*
 * Connects, and waits until the bus has let us in. Returns 0 and *ret, or -errno. The event base
 * has to outlive the connection.
 */
_nodiscard_ int connection_open(struct event_base *base, Connection **ret_connection);

/* Sends what is left, closes the connection and frees it; NULL is fine. Returns NULL. */
Connection *connection_close(Connection *connection);
DEFINE_CLEANUP(Connection *, connection_close);

/* Borrowed. */
sd_bus *connection_bus(const Connection *connection);

/* Takes a name on the bus. Returns 0 or -errno (-EEXIST: another daemon has it). */
_nodiscard_ int connection_take_name(Connection *connection, const char *name);

/* Gives it up. Returns 0 or -errno. */
_nodiscard_ int connection_leave_name(Connection *connection, const char *name);

/*
 * Lets through what has come, unless the bus takes none of our answers: whoever sends calls then
 * and does not read waits, and the answers do not fill our memory. Returns as gate_turn().
 */
_nodiscard_ int connection_read(Connection *connection);

/*
 * Asks the loop to wake for what sd-bus and the gate wait for, or at once. Returns 0 or -errno.
 */
_nodiscard_ int connection_arm(Connection *connection, bool at_once);
