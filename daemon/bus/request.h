/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A request from the bus to its answer, and the table of methods.
 *
 * Every method call goes the same way, request_go_on(). The table is the only place that grants
 * anything: the daemon refuses a method without a row, and does not start if a vtable has one.
 */

#include "daemon/bus/call/call.h"

/*
 * Takes in the method calls of this bus: those of D-Bus's own interfaces by a filter, all others
 * from the vtables, through bus->serve. Returns 0 or -errno.
 */
_nodiscard_ int request_listen(Bus *bus);

/* Runs the checks of a call from its stage on, then its method. Takes the call over. */
void request_go_on(MethodCall *call);

/* All rows of the table. */
const MethodRow *method_rows(size_t *ret_n);

/* The row of a method, or NULL. */
const MethodRow *method_find(const char *interface, const char *member);

/*
 * Returns the name of a method in `vtable` that has no row, whose row needs an action of polkit and
 * has none, or that does not go through method_dispatch(); or NULL.
 */
const char *method_find_unlisted(const char *interface, const sd_bus_vtable *vtable);
