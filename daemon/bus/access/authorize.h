/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The right to make a call, and to see a lease.
 *
 * Root may call every method. The owner of a lease may call METHOD_OWNER methods, unless the policy
 * has put the lease in quarantine. For everybody else polkit decides.
 */

#include "daemon/bus/call/call.h"

/*
 * Checks the right that the call's row asks for. Methods of METHOD_ANYONE and METHOD_POLICY go on
 * unchecked. A call that has waited for polkit goes on only if its object is still the same; the
 * method finds the object anew.
 */
CallVerdict authorize_call(MethodCall *call);

/* Whether a user has a right to know more of a lease than its groups and its state. */
bool bus_may_see_lease(const Lease *lease, uid_t uid);
