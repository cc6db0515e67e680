/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The connection to the system bus: sd-bus, which writes to the bus itself and reads through a
 * gate.
 *
 * sd-bus must not wait for an answer by itself, as nothing would come through the gate meanwhile.
 */

#include "daemon/bus/object.h"

/* Connects, and waits until the bus has let us in. Returns 0 or -errno; connection_close() closes
 * it. */
_nodiscard_ int connection_open(Bus *bus);

void connection_close(Bus *bus);

/* Takes the name BUS_NAME. Returns 0 or -errno (-EEXIST: another daemon has it). */
_nodiscard_ int connection_take_name(Bus *bus);

/* Gives it up. Returns 0 or -errno. */
_nodiscard_ int connection_leave_name(Bus *bus);

/*
 * Lets through what has come, unless the bus takes none of our answers: whoever sends calls then
 * and does not read waits, and the answers do not fill our memory. Returns as gate_turn().
 */
_nodiscard_ int connection_read(Bus *bus);

/* Whether the bus is behind with what we send. */
bool connection_is_behind(const Bus *bus);
