/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The connections that get signals which are not for everybody.
 *
 * A broadcast signal reaches all connections of the bus. A signal that only the owner of a lease
 * and root may see is sent to single connections: those that called Manager.Subscribe or acquired a
 * lease, if their user may see the lease at that time. A connection that ends is forgotten.
 */

#include "daemon/bus/call/call.h"

#define SUBSCRIBERS_PER_UID_MAX 256 /* the bus allows a user as many connections */

typedef struct Subscriber Subscriber;

/*
 * Adds the connection of the call, unless it is in the list. Returns 0, REFUSAL_QUOTA if its user
 * has too many connections in the list, or -ENOMEM.
 */
_nodiscard_ int subscribers_add(const MethodCall *call);

/* Forgets the connection of that name, which has ended. */
void subscribers_forget(Bus *bus, const char *name);

bool subscribers_have(const Bus *bus, const char *name);

/* Forgets all. */
void subscribers_clear(Bus *bus);

/*
 * Sends a signal of the lease's object to each subscriber that may see the lease. `types` and the
 * values are as for sd_bus_message_append(). Returns 0 or the first -errno.
 */
int subscribers_tell(Bus *bus, const Lease *lease, const char *member, const char *types, ...);
