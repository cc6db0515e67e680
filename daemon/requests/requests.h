/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Requests of users, from a call to its answer. Release and revoke belong to the lifecycle
 * (daemon/lifecycle/lifecycle.h).
 *
 * Each request reads the machine before it decides. `done` is called exactly once, before or after
 * the function returns.
 */

#include "core/model/domain_type.h"
#include "daemon/ledger/ledger.h"
#include "daemon/limits/request.h"

extern const Module acquire_module;
extern const Module group_requests_module;
extern const Module reset_module;
extern const Module names_module;

/*
 * Leases what the selectors name. If a group is leased already, a request that may wait is put in
 * the queue, and answered when its turn comes or its time is over.
 */
void request_acquire(Ledger *ledger, const AcquireRequest *request, LeaseDone done, void *userdata);

/* Takes a joiner for the owner of the lease, if the policy allows it to `who`. */
void member_take(Lease *lease, Bdf bdf, const PolicyRequest *who, MemberDone done, void *userdata);

/* Expels a joiner from the machine until the lease ends. */
void member_expel(Lease *lease, Bdf bdf, MemberDone done, void *userdata);

typedef struct NewOwner {
        PolicyRequest who;
        const char *unit;
        const char *name;   /* its name on the bus, or NULL if unknown */
        bool is_privileged; /* root transfers it, so the policy is not checked */
} NewOwner;

/*
 * Changes the owner on record; changes nothing on the host. Returns 0, a Refusal with *ret_message,
 * or -errno; then the owner is unchanged.
 */
_nodiscard_ int lease_transfer(Lease *lease, const NewOwner *owner, char **ret_message);

/*
 * Changes the type of a group's default domain. The lease of the answer is NULL, as in all that
 * follow.
 */
void group_set_type(Ledger *ledger, const char *id, DomainType type, LeaseDone done,
                    void *userdata);

/* Reads a group's reserved regions for a user: on success the message is the kernel's text. */
void group_read_regions(Ledger *ledger, size_t group, uid_t uid, LeaseDone done, void *userdata);

/*
 * Resets a free device, or one that is leased. If it cannot be reset alone, resets the other
 * devices of the same owner with it. The answer has a report.
 */
void request_reset(Ledger *ledger, Bdf bdf, LeaseDone done, void *userdata);

/*
 * Names on the bus: leases of lifetime "connection" and waiting requests end with them. A name on
 * record from another bus has ended with that bus.
 */
void names_meet_bus(Ledger *ledger, const char *id);
void names_forget(Ledger *ledger, const char *name);

/* Whether a lease or a place in the queue ends with that name; and all such names. */
bool names_need(const Ledger *ledger, const char *name);
void names_each(const Ledger *ledger, void (*tell)(const char *name, void *userdata),
                void *userdata);
