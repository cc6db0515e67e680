/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A plan: the groups that a request means, the rules that decide, and every reason to refuse.
 *
 * A plan changes nothing. daemon/lifecycle/grant.c makes a lease of it; the world that it was made
 * from must still be in force then.
 */

#include "core/model/refusal.h"
#include "daemon/ledger/answer.h"
#include "daemon/ledger/ledger.h"
#include "daemon/limits/request.h"

typedef struct Plan {
        Ledger *ledger;
        const AcquireRequest *request;
        LeaseMode mode;
        LeaseMode others[_LEASE_MODE_N]; /* further modes to try if the kernel cannot do `mode` */
        size_t n_others;
        size_t groups[LEASE_GROUPS_MAX]; /* indices into the groups in force */
        size_t n_groups;
        size_t n_asked;            /* how many of these selectors name; rules add the rest */
        bool *named;               /* per device: a selector names it, or its whole group */
        const PolicyRule *rule;    /* the rule that allows it, or NULL: root */
        const PolicyRule *demand;  /* the rule that requires the strongest guard, or NULL */
        const PolicyRule *refuser; /* the rule that refuses it, or NULL */
        bool has_parked;           /* some groups are parked */
        char *warning;             /* a problem that does not refuse it, or NULL */
        char *message;             /* the reason of the refusal, or NULL */
} Plan;

/* Frees what the plan owns, but not the plan. */
void plan_clear(Plan *plan);

/* Clears the results, to plan again in that mode. */
void plan_reset(Plan *plan, LeaseMode mode);

/* Sets the plan's message; returns the refusal. */
int plan_refuse(Plan *plan, Refusal refusal, const char *format, ...) _printf_(3, 4);

/* Answers a request whose plan was refused, or failed with -errno, which is logged. */
void plan_answer(const Plan *plan, int r, LeaseDone done, void *userdata);

/* The i-th group of the plan, and a device of its world. Borrowed. */
const Group *plan_group(const Plan *plan, size_t i);
const PciDevice *plan_device(const Plan *plan, size_t index);

/* The domain type for the groups: the requested one, or that of the policy; NONE: unchanged. */
DomainType plan_type(const Plan *plan);

/*
 * Adds the groups to which rules widen the lease (widen.c). Returns 0, a Refusal with the plan's
 * message, or -errno.
 */
_nodiscard_ int plan_widen(Plan *plan);

/* Adds a group once. Returns 0, or REFUSAL_INVALID with the plan's message. */
_nodiscard_ int plan_add_group(Plan *plan, size_t group);

/* Whether a member is handed out: all but bridges are. And whether a group has such a member. */
bool plan_is_taken(const PciDevice *device);
bool plan_has_taken(const Plan *plan, const Group *group);

/*
 * Fills the plan from its ledger, request and mode. Returns 0, a Refusal with the plan's message,
 * or -errno. Does not check whether the host depends on a device, as that may block.
 */
_nodiscard_ int plan_make(Plan *plan);

/*
 * Plans in each mode that the request accepts. Takes the first one that is possible, and notes
 * further ones for a kernel that cannot do it. If none is possible, the refusal is that of the
 * first. Returns as plan_make().
 */
_nodiscard_ int plan_negotiate(Plan *plan);

/*
 * Fills an empty record: what a lease of the plan would have on disk before it changes anything.
 * Same returns.
 */
_nodiscard_ int plan_record(Plan *plan, LeaseRecord *record);

/*
 * Whether the mode of the record, or one that may replace it, has nodes to be opened
 * (lease/nodes.h).
 */
bool plan_has_nodes(const Plan *plan, const LeaseRecord *record);
