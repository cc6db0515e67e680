/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a call is about, as far as it matters for who may make it.
 *
 * Found by the object's path, and found again when somebody else's answer has been waited for: a
 * grant holds for the object as it was when polkit was asked.
 */

#include "daemon/bus/method.h"

typedef struct MethodObject {
        const Lease *lease; /* of the object, its group or its device; NULL if nobody has it */
        size_t group;       /* in the world in force; SNAPSHOT_NONE for a lease and the manager */
        size_t device;      /* the same, of a device */
} MethodObject;

/* Borrowed until the world or the leases change. */
MethodObject method_object(const MethodCall *call);

/* The number of its lease, 0 without one: leases are numbered from 1. */
uint32_t method_object_lease(const MethodObject *object);

/*
 * Appends what polkit's rules may decide by, a{ss}: "group" and "device" (several with a space
 * between them), "lease", "owner" (a uid) and "method", each only where there is one. Returns 0 or
 * -errno.
 */
_nodiscard_ int method_append_details(sd_bus_message *message, const MethodCall *call);

/*
 * Asks polkit for the action of the call's row. Takes the call over; `allowed` gets it back, or it is
 * answered: NotAuthorized and why, or Changed if its object has another owner by then.
 */
void polkit_check(MethodCall *call, void (*allowed)(MethodCall *call));
