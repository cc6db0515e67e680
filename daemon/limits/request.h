/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What somebody asks for when they ask for a lease, and who they are.
 *
 * A request that is answered later has a copy of its own: what it borrows lives only as long as the
 * call that brought it.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/model/policy.h"
#include "daemon/lease/record.h"

#define REQUEST_WAIT_FOREVER UINT64_MAX
#define REQUEST_SELECTORS_MAX 64 /* per request */
#define REQUEST_TICKET_SIZE 65 /* 64 characters */

typedef struct AcquireRequest {
        const char *const *selectors; /* NULL-terminated */
        LeaseMode mode;               /* LEASE_MODE_NONE: one of `modes` */
        LeaseMode modes[_LEASE_MODE_N]; /* the first that will do; without any, the default ones */
        size_t n_modes;
        LeaseLifetime lifetime;
        bool with_members;
        bool force;
        bool release_console; /* off the screens of what is taken */
        char driver[LEASE_NAME_SIZE]; /* "": the best there is for each device */
        DomainType type;              /* of the groups' domains; NONE: what the policy says */
        uint64_t memory;              /* bytes that the devices are to reach; 0: not said */
        pid_t pid;                    /* who asks, as a hint; 0: not known */
        uid_t uid;
        uid_t path_uid; /* who may open the nodes (daemon/lease/nodes.h) */
        const gid_t *gids;
        size_t n_gids;
        const char *unit;
        const char *label; /* of the security module, or NULL */
        const char *owner; /* its name on the bus; NULL for the daemon's own */
        bool parked;       /* by the daemon itself: daemon/park/park.h */

        uint64_t wait_usec; /* how long to wait for who has it; 0: not at all */
        const char *ticket; /* by which its place is kept over the daemon's restart, or NULL */
        bool is_served;     /* it has waited: nobody is before it */
} AcquireRequest;

/* Copies what the request borrows. Returns 0, or -ENOMEM with nothing to clear. */
_nodiscard_ int request_copy(const AcquireRequest *request, AcquireRequest *ret);

/* Frees what a copy owns. */
void request_clear(AcquireRequest *copy);
