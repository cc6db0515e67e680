/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The connections that are told, one by one, what is not for everybody.
 *
 * A broadcast signal reaches whoever listens. What only the owner of a lease and root are to know
 * is therefore sent to single connections: to those that called Manager.Subscribe or acquired a
 * lease, if their user may see the lease when the signal is sent. A connection that ends is
 * forgotten.
 */

#include "daemon/bus/call/call.h"

#define SUBSCRIBERS_PER_UID_MAX 256 /* as many connections as the bus lets a user have */

typedef struct Subscriber Subscriber;

/*
 * Adds the connection that calls; once is enough. Returns 0, REFUSAL_QUOTA if its user has too
 * many, or -ENOMEM.
 */
_nodiscard_ int subscribers_add(const MethodCall *call);

/* The connection of that name has ended. */
void subscribers_forget(Bus *bus, const char *name);

bool subscribers_have(const Bus *bus, const char *name);

/* Forgets all. */
void subscribers_clear(Bus *bus);

/*
 * Sends a signal of the lease's object to each subscriber that may see the lease; `types` and what
 * follows are as of sd_bus_message_append(). Returns 0 or the first -errno.
 */
int subscribers_tell(Bus *bus, const Lease *lease, const char *member, const char *types, ...);
