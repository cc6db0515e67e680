/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The object of a call, as far as it matters for the right to make the call.
 *
 * The object is found by its path, and found again after each wait. The call keeps a text that says
 * which object it was: a right is granted for one lease of one owner and for certain devices, not
 * for another lease or device that has the same path later.
 */

#include "daemon/bus/call/call.h"

typedef struct MethodObject {
        Lease *lease;  /* of the object, its group or its device; NULL if not leased */
        size_t group;  /* in the world in force; SNAPSHOT_NONE for a lease and the manager */
        size_t device; /* the same for a device */
} MethodObject;

/* The object of a call now. Borrowed until the world or the leases change. */
MethodObject method_object(const MethodCall *call);

/* Keeps a description of the current object with the call. Returns 0 or -ENOMEM. */
_nodiscard_ int method_note_object(MethodCall *call);

/*
 * Whether the call still has the object that method_note_object() noted. If not, the call has been
 * answered with Changed.
 */
_nodiscard_ bool method_check_object(const MethodCall *call);

/*
 * Appends the details that rules of polkit may use, as a{ss}: "group" and "device" (several are
 * separated by a space), "lease", "owner" (a uid) and "method". A detail without a value is left
 * out. Returns 0 or -errno.
 */
_nodiscard_ int method_append_details(sd_bus_message *message, const MethodCall *call);
