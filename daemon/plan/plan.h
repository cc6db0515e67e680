/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a request comes to: the groups it means, the rules that decide, and every reason to refuse.
 *
 * A plan touches nothing. manager_acquire.c makes a record of one; the world it was made from must
 * still be in force then.
 */

#include "core/model/refusal.h"
#include "daemon/ledger/ledger.h"
#include "daemon/limits/request.h"

typedef struct Plan {
        Ledger *ledger;
        const AcquireRequest *request;
        LeaseMode mode;
        LeaseMode others[_LEASE_MODE_N]; /* that would do too, if the kernel cannot that one */
        size_t n_others;
        size_t groups[LEASE_GROUPS_MAX]; /* indices into the groups in force */
        size_t n_groups;
        size_t n_asked;           /* of these, that selectors named; the rest a rule widens it to */
        bool *named;              /* per device: a selector named it, or its whole group */
        const PolicyRule *rule;   /* that allowed it, or NULL: root */
        const PolicyRule *demand; /* that requires the strongest guard, or NULL */
        const PolicyRule *refuser; /* that refuses it, or NULL */
        bool has_parked;          /* groups that the daemon keeps until somebody asks for them */
        char *warning;            /* what it will meet all the same, or NULL */
        char *message;            /* why it is refused, or NULL */
} Plan;

/* Frees what the plan owns, not itself. */
void plan_clear(Plan *plan);

/* Forgets what was found, for another try in that mode. */
void plan_reset(Plan *plan, LeaseMode mode);

/* Sets the plan's message; returns the refusal. */
int plan_refuse(Plan *plan, Refusal refusal, const char *format, ...) _printf_(3, 4);

/* The plan's i-th group, and a device of the world it was made from. Borrowed. */
const Group *plan_group(const Plan *plan, size_t i);
const PciDevice *plan_device(const Plan *plan, size_t index);

/* The type that the groups' domains are to have: asked for, or the policy's; NONE: as they are. */
DomainType plan_type(const Plan *plan);

/*
 * Adds the groups that rules widen the lease to (manager_widen.c). Returns 0, a Refusal with the plan's
 * message, or -errno.
 */
_nodiscard_ int plan_widen(Plan *plan);

/* Adds a group once. Returns 0, or REFUSAL_INVALID with the plan's message. */
_nodiscard_ int plan_add_group(Plan *plan, size_t group);

/* Whether a member is handed out: all are but bridges. And whether a group has any such. */
bool plan_is_taken(const PciDevice *device);
bool plan_has_taken(const Plan *plan, const Group *group);

/*
 * Fills the plan from its manager, request and mode. Returns 0, a Refusal with the plan's message,
 * or -errno. Whether the host lives on a device may block to find out and is not asked here.
 */
_nodiscard_ int plan_make(Plan *plan);

/*
 * Plans in each mode that the request lets pass. The first that will do is the plan's, the further
 * ones are noted for a kernel that cannot do it; where none will do the refusal is that of the first.
 * Returns as plan_make().
 */
_nodiscard_ int plan_negotiate(Plan *plan);

/*
 * Fills an empty record: what a lease of the plan would have on disk before anything is done. Same
 * returns.
 */
_nodiscard_ int plan_record(Plan *plan, LeaseRecord *record);

/* Whether its record's mode, or one that may come to be, has nodes to be opened (lease/nodes.h). */
bool plan_has_nodes(const Plan *plan, const LeaseRecord *record);
