/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How a request that takes a while is answered: one callback, called once.
 */

#include "daemon/host/vfio.h"

typedef struct Lease Lease;

typedef struct LeaseAnswer {
        int code;            /* 0, a Refusal, or -errno */
        const char *message; /* for people; "" if there is none */
        const char *report;  /* of resets, a line each (daemon/host/reset.h), or NULL */
        const char *rule;    /* the origin of the policy rule that refuses the request, or NULL */
} LeaseAnswer;

/* `lease` is NULL unless code is 0. Called exactly once, before or after the request returned. */
typedef void (*LeaseDone)(const LeaseAnswer *answer, Lease *lease, void *userdata);

/* Answers without a lease, if anybody waits (`done` may be NULL). */
static inline void lease_answer(LeaseDone done, void *userdata, int code, const char *message)
{
        const LeaseAnswer answer = {.code = code, .message = message ? message : ""};

        if (done)
                done(&answer, NULL, userdata);
}

/* The same for a request about one device of a lease; `fds` are borrowed, and may be empty. */
typedef void (*MemberDone)(const LeaseAnswer *answer, const VfioFds *fds, void *userdata);
