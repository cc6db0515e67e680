/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A limit on the size of messages, before sd-bus reads them.
 *
 * A D-Bus message may have 128 MiB, and dbus-daemon lets 32 MiB through. sd-bus reads the whole
 * message into memory and checks each byte of a text before any of our code sees it. The gate is
 * between the socket of the bus and the socket that sd-bus reads. It passes on messages within the
 * limits below. Of a larger message it passes on the head only, with an empty body, so that the
 * call is refused like a call without arguments. It keeps nothing else of a larger message.
 *
 * Messages that the daemon sends do not go through the gate.
 */

#include <event2/event.h>

#include "core/model/base.h"

/*
 * Limits in bytes, for a method call and for any other message. The bus daemon may answer with
 * 65536 group ids.
 */
#define GATE_CALL_MAX (64 << 10)
#define GATE_MESSAGE_MAX (512 << 10)

typedef struct Gate Gate;

/*
 * Makes a gate for the connected socket `bus`, which is borrowed: free the gate before the socket
 * is closed. Returns 0 and *ret, or -errno.
 */
_nodiscard_ int gate_new(int bus, Gate **ret_gate);

Gate *gate_free(Gate *gate);
DEFINE_CLEANUP(Gate *, gate_free);

/* The socket for sd-bus to read. The caller owns it and closes it. */
_nodiscard_ int gate_take_inner(Gate *gate);

/*
 * Passes on the messages that have arrived, up to a limit for each turn. Returns 1 if more may
 * follow at once, 0 if not, or -errno. If the bus closes its end, sd-bus sees the end of its own
 * socket.
 */
_nodiscard_ int gate_turn(Gate *gate);

/*
 * The event that the loop has to wait for: EV_READ of the bus's socket, or EV_WRITE of the gate's.
 */
int gate_wait_fd(const Gate *gate);
short gate_wait_events(const Gate *gate);
