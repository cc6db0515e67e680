/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Names on the bus whose end the manager wants to hear of.
 *
 * A unique name is never given twice, so that it says who without a race; a pid would not.
 */

#include "daemon/bus/call/call.h"

typedef struct BusNames BusNames;

/*
 * Watches a name, once, until it ends or nobody needs it any more. A bus that does not answer is
 * asked again: only its word is an end.
 */
void bus_names_watch(Bus *bus, const char *name);

/* Forgets all names; NULL is fine. Returns NULL. */
BusNames *bus_names_free(BusNames *names);
