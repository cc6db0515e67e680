/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Bus names that leases, queued requests and subscribers depend on.
 *
 * The bus daemon never gives a unique name twice, so a unique name identifies a connection without
 * a race. A pid does not.
 */

#include "daemon/bus/call/call.h"

typedef struct BusNames BusNames;

/*
 * Watches a name until it ends or is no longer needed. A second call for the same name has no
 * effect. If the bus daemon does not answer, the daemon asks again: only the answer of the bus
 * daemon ends a name.
 */
void bus_names_watch(Bus *bus, const char *name);

/* Forgets all names; NULL is fine. Returns NULL. */
BusNames *bus_names_free(BusNames *names);
