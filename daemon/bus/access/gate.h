/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What comes from the bus is measured before sd-bus sees it.
 *
 * A message may have 128 MiB, and dbus-daemon lets 32 MiB through: sd-bus reads all of it into
 * memory, and looks at each byte of a text, before anybody can say that it is too long. The gate is
 * between the socket of the bus and the one that sd-bus reads. It passes on what has the size of a
 * message to us; of a larger one it passes on the head alone, with a body of no bytes. A call is
 * refused then as one without arguments is. Nothing of a larger message is kept.
 *
 * What the daemon sends goes to the bus without the gate.
 */

#include <event2/event.h>

#include "core/model/base.h"

/* Bytes of a method call, and of any other message: the bus answers with up to 65536 group ids. */
#define GATE_CALL_MAX (64 << 10)
#define GATE_MESSAGE_MAX (512 << 10)

typedef struct Gate Gate;

/*
 * Makes a gate for the connected socket `bus`, which is borrowed; the gate has to be freed first.
 * Returns 0 and *ret, or -errno.
 */
_nodiscard_ int gate_new(int bus, Gate **ret_gate);

Gate *gate_free(Gate *gate);
DEFINE_CLEANUP(Gate *, gate_free);

/* The socket that sd-bus is to read. Hands it over: the caller closes it. */
_nodiscard_ int gate_take_inner(Gate *gate);

/*
 * Passes on what has arrived, as far as there is room, but no more than some messages: the rest
 * waits for the next turn. Returns 1 if there may be more at once, 0 if not, or -errno; a bus that
 * has closed its end is seen by sd-bus as such.
 */
_nodiscard_ int gate_turn(Gate *gate);

/* What the loop is to wait for: EV_READ of the bus's socket, or EV_WRITE of the gate's own end. */
int gate_wait_fd(const Gate *gate);
short gate_wait_events(const Gate *gate);
