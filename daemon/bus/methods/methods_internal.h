/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shared by the files of daemon/bus/methods only.
 */

#include "daemon/bus/call/reply.h"
#include "daemon/bus/methods/methods.h"
#include "daemon/limits/request.h"

/*
 * Reads the arguments of Acquire and Plan. `selectors` has room for ARGUMENT_SELECTORS_MAX + 1.
 * Returns 0 with the request, which borrows from the call and from `selectors`, or -errno with the
 * call answered.
 */
_nodiscard_ int method_read_request(MethodCall *call, AcquireRequest *ret_request,
                                    const char **selectors);

/* The lease that a call names, borrowed; or NULL with the call answered: the lease has ended. */
Lease *method_find_lease(const MethodCall *call);

/* The caller, for the policy. Borrows from `caller`. */
static inline PolicyRequest method_policy_request(const MethodCaller *caller)
{
        return (PolicyRequest){
                .uid = caller->uid,
                .gids = caller->gids,
                .n_gids = caller->n_gids,
                .unit = caller->unit,
                .label = caller->label,
        };
}

/* A ManagerDone that answers a call, its userdata, with nothing but success or the error. */
void method_answer_done(const LeaseAnswer *answer, Lease *lease, void *userdata);

/* A ManagerDone that answers a call, its userdata, with the report of resets. */
void method_answer_resets(const LeaseAnswer *answer, Lease *lease, void *userdata);
