/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which devices the policy keeps from the host's drivers, leased or not.
 *
 * A reservation is a rule's: the rule that decides who may lease a device decides whether it is
 * reserved. Its fingerprint says what must be there; a slot with another card in it is the host's.
 * Bridges are never reserved, whatever matches them: what is below them would go.
 */

#include "core/model/base.h"
#include "core/model/policy.h"
#include "core/model/snapshot.h"

/* What stands in driver_override of a reserved device: no driver has that name, so none binds. */
#define RESERVE_OVERRIDE "isolationd-block"

typedef enum ReserveVerdict {
        RESERVE_NONE = 0,     /* no rule reserves it */
        RESERVE_BLOCK,        /* reserved: no host driver may have it */
        RESERVE_BRIDGE,       /* a rule would, but it is a bridge */
        RESERVE_OTHER_DEVICE, /* a rule would, but another device is in its place */
        RESERVE_OTHER_GROUP,  /* a rule would, but its group has more, fewer or other members */
        RESERVE_NO_GROUP,     /* a rule would, but the kernel has it in no group to compare */
} ReserveVerdict;

typedef struct Reservation {
        size_t device; /* index into the snapshot */
        ReserveVerdict verdict;
        const PolicyRule *rule; /* borrowed from the policy; NULL if RESERVE_NONE */
        size_t n_members;       /* of its group as it is; counted if the fingerprint asks */
} Reservation;

/* "reserved", "bridge", "other-device", "other-group", "no-group"; "none". */
const char *reserve_verdict_to_string(ReserveVerdict verdict);

typedef struct ReservePlan {
        Reservation *reservations; /* of every device that some rule reserves, by address */
        size_t n_reservations;
} ReservePlan;

/* Frees what the plan holds, not the plan. */
static inline void reserve_plan_deinitp(ReservePlan *plan)
{
        free(plan->reservations);
}

/* Is another device there, or another group, than the rule's fingerprint says? */
bool reserve_has_changed(const Reservation *reservation);

/* Does any rule reserve anything? */
bool reserve_is_asked(const Policy *policy);

/*
 * The verdict for one device whose stable path is `path`. One that is `arriving` may come with
 * functions that are not there yet: its group may still have fewer members than it will.
 */
Reservation reserve_judge(const Policy *policy, const Snapshot *snapshot, size_t device,
                          const char *path, bool arriving);

/* The verdicts for all devices, without those that no rule reserves. Returns 0 or -ENOMEM; the
 * plan borrows from policy and snapshot. */
_nodiscard_ int reserve_plan(const Policy *policy, const Snapshot *snapshot, ReservePlan *ret_plan);

/* Why a device that a rule reserves is not blocked, in a sentence that the caller frees; NULL if
 * memory is short. */
char *reserve_describe(const Snapshot *snapshot, const Reservation *reservation);
