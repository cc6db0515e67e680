/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A request for a lease, and its requester.
 *
 * A request that is answered later has its own copy: what it borrows lives only as long as its
 * call.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/model/policy.h"
#include "daemon/lease/record.h"

#define REQUEST_WAIT_FOREVER UINT64_MAX
#define REQUEST_SELECTORS_MAX 64 /* per request */
#define REQUEST_TICKET_SIZE 65 /* 64 characters */

/* Who asks, as the bus daemon vouches for it. */
typedef struct Requester {
        uid_t uid;
        uid_t path_uid; /* the user that may open the nodes (daemon/lease/nodes.h) */
        pid_t pid;      /* a hint: the process may have ended; 0: unknown */
        const gid_t *gids;
        size_t n_gids;
        const char *unit;
        const char *label; /* of the security module, or NULL */
        const char *name;  /* on the bus; NULL for the daemon */
} Requester;

/* How the groups are to be handed out: the options of Acquire and Plan. */
typedef struct AcquireOptions {
        LeaseMode mode;                 /* LEASE_MODE_NONE: one of `modes` */
        LeaseMode modes[_LEASE_MODE_N]; /* the first possible one; none: the default modes */
        size_t n_modes;
        LeaseLifetime lifetime;
        bool with_members;
        bool force;
        bool release_console;         /* unbind it from screens of taken devices */
        char driver[LEASE_NAME_SIZE]; /* "": the best one for each device */
        DomainType type;              /* of the groups' domains; NONE: as the policy says */
        uint64_t memory;              /* bytes that the devices are to reach; 0: unknown */
} AcquireOptions;

typedef struct AcquireRequest {
        const char *const *selectors; /* NULL-terminated */
        size_t n_selectors;           /* of a copy; 0 before */
        Requester who;
        AcquireOptions options;
        uint64_t wait_usec; /* how long to wait for a free group; 0: not at all */
        const char *ticket; /* keeps its place over a restart of the daemon, or NULL */
        bool is_served;     /* it has waited: no waiter is before it */
        bool parked;        /* for the daemon itself: daemon/park/park.h */
} AcquireRequest;

/* Copies what the request borrows. Returns 0, or -ENOMEM with nothing to clear. */
_nodiscard_ int request_copy(const AcquireRequest *request, AcquireRequest *ret);

/* Frees what a copy owns. */
void request_clear(AcquireRequest *copy);
