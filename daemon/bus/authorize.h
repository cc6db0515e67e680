/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a call is about, as far as it matters for who may make it.
 *
 * Found by the object's path, and found again when somebody else's answer has been waited for. What
 * it was is kept with the call: leave is given for one lease of one owner and for certain devices,
 * not for whatever has their number or their address by then.
 */

#include "daemon/bus/method.h"

typedef struct MethodObject {
        const Lease *lease; /* of the object, its group or its device; NULL if nobody has it */
        size_t group;       /* in the world in force; SNAPSHOT_NONE for a lease and the manager */
        size_t device;      /* the same, of a device */
} MethodObject;

/* Borrowed until the world or the leases change. */
MethodObject method_object(const MethodCall *call);

/* Keeps with the call what it is about now. Returns 0 or -ENOMEM. */
_nodiscard_ int method_note_object(MethodCall *call);

/*
 * Whether the call is still about what it was about when that was noted; if not it is answered,
 * Changed, and the caller's to free.
 */
_nodiscard_ bool method_check_object(const MethodCall *call);

/*
 * Appends what polkit's rules may decide by, a{ss}: "group" and "device" (several with a space
 * between them), "lease", "owner" (a uid) and "method", each only where there is one. Returns 0 or
 * -errno.
 */
_nodiscard_ int method_append_details(sd_bus_message *message, const MethodCall *call);

/*
 * Asks polkit for the action of the call's row. Takes the call over; `allowed` gets it back, or it
 * is answered: NotAuthorized and why, or Changed if its object is another by then.
 */
void polkit_check(MethodCall *call, void (*allowed)(MethodCall *call));
