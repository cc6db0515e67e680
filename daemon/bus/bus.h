/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The manager on the system bus: org.isolationd1.
 *
 * The daemon keeps no objects for the bus: each request looks its object up in the current world.
 * The manager's observer turns changes into PropertiesChanged, InterfacesAdded and
 * InterfacesRemoved.
 */

#include "daemon/ledger/ledger.h"

typedef struct Bus Bus;

/*
 * Connects to the system bus, publishes the manager's objects and takes the name. The manager must
 * outlive the bus. Returns 0 or -errno (-EEXIST: another daemon has the name).
 */
_nodiscard_ int bus_new(Ledger *ledger, struct event_base *base, Bus **ret_bus);

/* Leaves the bus and frees it (NULL is fine); returns NULL. */
Bus *bus_free(Bus *bus);
DEFINE_CLEANUP(Bus *, bus_free);

/*
 * Call this before each turn of the event loop: it handles the messages that have arrived, and asks
 * the loop to wake for the next ones. Returns 0, or -errno if the connection is lost.
 */
_nodiscard_ int bus_turn(Bus *bus);

/* Gives the name up: later calls to it are for the next daemon. Returns 0 or -errno. */
_nodiscard_ int bus_leave_name(Bus *bus);

/*
 * The number of calls without an answer, including messages that are received and not handled yet.
 */
size_t bus_count_open(const Bus *bus);
