/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reservations: devices that the policy keeps host drivers off, leased or not.
 *
 * The rule that decides who may lease a device also decides whether it is reserved. Its
 * fingerprint describes the expected device; another card in the slot stays with the host. Bridges
 * are never reserved, because the devices below them would be lost.
 */

#include "core/model/base.h"
#include "core/model/policy.h"
#include "core/model/snapshot.h"

/* The driver_override of a reserved device: no driver has that name, so none binds. */
#define RESERVE_OVERRIDE "isolationd-block"

typedef enum ReserveVerdict {
        RESERVE_NONE = 0,     /* no rule reserves it */
        RESERVE_BLOCK,        /* reserved: no host driver may bind it */
        RESERVE_BRIDGE,       /* a rule reserves it, but it is a bridge */
        RESERVE_OTHER_DEVICE, /* a rule reserves its place, but it is another device */
        RESERVE_OTHER_GROUP,  /* a rule reserves it, but its group has other members */
        RESERVE_NO_GROUP,     /* a rule reserves it, but it has no kernel group to compare */
} ReserveVerdict;

typedef struct Reservation {
        size_t device; /* index into the snapshot */
        ReserveVerdict verdict;
        const PolicyRule *rule; /* borrowed from the policy; NULL if RESERVE_NONE */
        size_t n_members; /* present members of its group; counted if the fingerprint needs them */
} Reservation;

/* "reserved", "bridge", "other-device", "other-group", "no-group"; "none". */
const char *reserve_verdict_to_string(ReserveVerdict verdict);

typedef struct ReservePlan {
        Reservation *reservations; /* of every device that a rule reserves, by address */
        size_t n_reservations;
} ReservePlan;

/* Frees the contents of the plan. */
static inline void reserve_plan_deinitp(ReservePlan *plan)
{
        free(plan->reservations);
}

/* Does the device or its group differ from the rule's fingerprint? */
bool reserve_has_changed(const Reservation *reservation);

/* Does any rule reserve anything? */
bool reserve_is_asked(const Policy *policy);

/*
 * The verdict for one device with the stable path `path`. If it is `arriving`, other functions may
 * follow: its group may still have too few members.
 */
Reservation reserve_judge(const Policy *policy, const Snapshot *snapshot, size_t device,
                          const char *path, bool arriving);

/*
 * The verdicts for all devices that a rule reserves. Returns 0 or -ENOMEM; the plan borrows from
 * policy and snapshot.
 */
_nodiscard_ int reserve_plan(const Policy *policy, const Snapshot *snapshot, ReservePlan *ret_plan);

/*
 * A sentence: why a device that a rule reserves is not blocked. The caller frees it; NULL if
 * memory is short.
 */
char *reserve_describe(const Snapshot *snapshot, const Reservation *reservation);
