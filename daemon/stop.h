/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The end of the daemon, without losing a request.
 *
 * The name on the bus goes first (bus_leave_name()): later requests wait there for the next daemon.
 * Earlier requests are done and answered, and work at devices is finished. Waiters in the queue are
 * disconnected, and ask the next daemon with their tickets.
 */

#include "daemon/bus/bus.h"

/*
 * Long enough for devices that respond, also on a busy machine, and less than the 25 s for which
 * clients wait for an answer. TimeoutStopSec of the unit is more. A lease that is stuck is not
 * waited for.
 */
#define STOP_SECONDS 20

/*
 * Turns the loop until all is done, at most for STOP_SECONDS, or until `*stop` is set again. The
 * next daemon finds on record what is not done by then.
 */
void stop_in_order(Bus *bus, Ledger *ledger, struct event_base *base, const bool *stop);
