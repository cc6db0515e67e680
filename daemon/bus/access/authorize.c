/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the daemon can decide without polkit. */

#include "daemon/bus/access/authorize.h"

#include <string.h>

#include "daemon/bus/access/object.h"
#include "daemon/bus/access/polkit.h"
#include "daemon/bus/call/reply.h"

bool bus_may_see_lease(const Lease *lease, uid_t uid)
{
        return uid == 0 || lease->record->owner.uid == uid;
}

CallVerdict authorize_call(MethodCall *call)
{
        const MethodAccess access = call->row->access;
        if (access != METHOD_OWNER && access != METHOD_ADMIN)
                return CALL_GOES_ON;

        const Lease *lease = method_object(call).lease;
        bool is_owner = access == METHOD_OWNER && lease &&
                        lease->record->owner.uid == call->caller.uid &&
                        !lease_record_is_withheld(lease->record);
        /* A lease that has ended needs no polkit: the method answers that it has ended. */
        bool is_gone = !lease && strcmp(call->row->interface, BUS_IFACE_LEASE) == 0;

        int r = method_note_object(call);
        if (r < 0)
                return method_fail(call, r);
        return call->caller.uid == 0 || is_owner || is_gone ? CALL_GOES_ON : polkit_ask(call);
}
