/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The manager on the system bus: org.isolationd1.
 *
 * Objects are not kept: each request looks the object up in the world of the moment. What changes
 * is told by the manager's observer and becomes PropertiesChanged, InterfacesAdded and -Removed.
 */

#include "daemon/manager.h"

typedef struct Bus Bus;

/*
 * Connects to the system bus, publishes the manager's objects and takes the name. The manager must
 * outlive the bus. Returns 0 or -errno (-EEXIST: another daemon has the name).
 */
_nodiscard_ int bus_new(Manager *manager, struct event_base *base, Bus **ret_bus);

/* Leaves the bus and frees it (NULL is fine); returns NULL. */
Bus *bus_free(Bus *bus);
DEFINE_CLEANUP(Bus *, bus_free);

/*
 * To be called before each turn of the event loop: handles what has arrived and asks the loop to
 * wake for what comes next. Returns 0, or -errno when the connection is gone.
 */
_nodiscard_ int bus_turn(Bus *bus);

/* Gives the name up: later calls to it are for the next daemon. Returns 0 or -errno. */
_nodiscard_ int bus_leave_name(Bus *bus);

/* How many have asked and are not answered, what has arrived and was not read yet included. */
size_t bus_count_open(const Bus *bus);
