/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The methods of the daemon's interfaces, each the last step of a call (CALL_STAGE_RUN).
 *
 * A method answers the call, or returns CALL_WAITS and answers from the manager's callback. It
 * finds its object when it runs: the object may have changed while an earlier step waited. Only the
 * table of methods (daemon/bus/request.c) refers to the functions here.
 */

#include "daemon/bus/call/call.h"

CallVerdict method_acquire(MethodCall *call);
CallVerdict method_plan(MethodCall *call);
CallVerdict method_repair(MethodCall *call);
CallVerdict method_resolve(MethodCall *call);
CallVerdict method_subscribe(MethodCall *call);

CallVerdict method_reset(MethodCall *call);

CallVerdict method_get_strength(MethodCall *call);
CallVerdict method_set_type(MethodCall *call);
CallVerdict method_get_reserved_regions(MethodCall *call);

/* On leases and on groups. */
CallVerdict method_get_holders(MethodCall *call);

CallVerdict method_release(MethodCall *call);
CallVerdict method_revoke(MethodCall *call);
CallVerdict method_transfer(MethodCall *call);
CallVerdict method_get_descriptors(MethodCall *call);
CallVerdict method_take_device(MethodCall *call);
CallVerdict method_expel_device(MethodCall *call);
