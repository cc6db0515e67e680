/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How a daemon ends so that nobody loses what it asked for.
 *
 * The name on the bus goes first (bus_leave_name()): what is asked from then on waits there for the
 * next daemon. What was asked before is done and answered, and what has begun at a device comes to its
 * end. Who waits
 * in the queue is cut off, and asks the next daemon with its ticket.
 */

#include "daemon/bus/bus.h"

/* Long enough for any device that does what it is told; the unit's TimeoutStopSec is more. */
#define STOP_SECONDS 8

/*
 * Turns the loop until all that is done, at most STOP_SECONDS, or `*stop` is set once more. What is
 * not done by then the next daemon finds on record.
 */
void stop_in_order(Bus *bus, Ledger *ledger, struct event_base *base, const bool *stop);
