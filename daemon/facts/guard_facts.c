/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The facts of each group, and the guard layer that follows from them. */

#include "daemon/facts/guard_facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/claims/claims.h"
#include "daemon/descriptors/descriptors.h"
#include "daemon/guard/slot.h"

typedef struct LeaseGuardFacts {
        GuardFacts *facts; /* by group of the record, as of the last reading; NULL before */
        GuardLayer held;   /* at the last reading while the lease had an owner */
        char *trouble;     /* the last failure of the guard, or NULL */
} LeaseGuardFacts;

static void clear(void *part)
{
        LeaseGuardFacts *own = part;

        free(own->facts);
        free(own->trouble);
}

const Module guard_facts_module = {
        .name = "guard facts", .lease_size = sizeof(LeaseGuardFacts), .lease_clear = clear};

DEFINE_LEASE_PART(LeaseGuardFacts, of, guard_facts_module);

bool guard_is_owned(const Lease *lease, int32_t number)
{
        const Snapshot *snapshot = lease->ledger->world->snapshot;

        /* The daemon has the fds of the claim, and VFIO drives a device for them. */
        if (descriptors_of(lease)->n_items == 0)
                return false;
        for (size_t i = 0; i < lease->record->n_devices; i++) {
                const LeaseDevice *device = &lease->record->devices[i];
                size_t index = snapshot_find(snapshot, device->bdf);

                if (device->role == LEASE_ROLE_TAKEN && !device->lost && index != SNAPSHOT_NONE &&
                    snapshot->devices[index].kernel_group == number &&
                    strcmp(snapshot->devices[index].sysfs.driver, device->driver) == 0)
                        return claims_cover(lease, number);
        }
        return false;
}

static int look_at_group(Lease *lease, int32_t number, bool is_gated, GuardPortFound found,
                         GuardFacts *ret_facts)
{
        const Snapshot *snapshot = lease->ledger->world->snapshot;
        GuardFacts facts = {
                .assigned = lease_record_is_in_hand(lease->record),
                .owned = guard_is_owned(lease, number),
                .lent = claims_may_end(lease),
        };
        _cleanup_(freep) size_t *ports = NULL;
        int r = 0;

        /* While the kernel guards the group until its release, gate and ports do not matter. */
        if (facts.assigned && !guard_is_firm(&facts)) {
                facts.gated = is_gated;
                r = guard_find_ports(snapshot, number, &ports, &facts.n_ports);
        }
        if (r == 0 && facts.n_ports > 0)
                r = slot_survey(&lease->ledger->host, snapshot, ports, facts.n_ports, &facts, NULL);
        for (size_t i = 0; r == 0 && found && guard_needs_seal(&facts) && i < facts.n_ports; i++)
                r = found(lease, snapshot->devices[ports[i]].bdf);
        *ret_facts = facts;
        return r;
}

static int make_facts(LeaseGuardFacts *own, const LeaseRecord *record)
{
        if (!own->facts)
                own->facts = calloc(record->n_groups + 1, sizeof(*own->facts));
        return own->facts ? 0 : -ENOMEM;
}

static void note_held(Lease *lease)
{
        if (lease->record->state == LEASE_LEASED)
                of(lease)->held = lease_guard(lease);
}

int guard_facts_look(Lease *lease, bool is_gated, GuardPortFound found)
{
        LeaseGuardFacts *own = of(lease);
        const LeaseRecord *record = lease->record;

        int r = make_facts(own, record);
        for (size_t i = 0; r == 0 && i < record->n_groups; i++)
                r = look_at_group(lease, record->groups[i].number, is_gated, found, &own->facts[i]);
        if (r == 0)
                note_held(lease);
        return r;
}

int guard_facts_set(Lease *lease, size_t group, const GuardFacts *facts)
{
        LeaseGuardFacts *own = of(lease);

        int r = make_facts(own, lease->record);
        if (r < 0)
                return r;
        own->facts[group] = *facts;
        note_held(lease);
        return 0;
}

const GuardFacts *guard_facts_of(const Lease *lease, size_t group)
{
        const LeaseGuardFacts *own = of(lease);

        return own->facts ? &own->facts[group] : NULL;
}

bool guard_facts_are_firm(const Lease *lease)
{
        const LeaseGuardFacts *own = of(lease);

        for (size_t i = 0; own->facts && i < lease->record->n_groups; i++)
                if (!guard_is_firm(&own->facts[i]))
                        return false;
        return own->facts;
}

GuardLayer lease_guard(const Lease *lease)
{
        const LeaseGuardFacts *own = of(lease);
        GuardLayer weakest = own->facts ? GUARD_OWNED : GUARD_NONE;

        for (size_t i = 0; own->facts && i < lease->record->n_groups; i++) {
                GuardLayer layer = guard_holds(&own->facts[i]);

                if (layer < weakest)
                        weakest = layer;
        }
        return weakest;
}

GuardLayer lease_guard_held(const Lease *lease)
{
        return of(lease)->held;
}

const char *guard_trouble(const Lease *lease)
{
        return of(lease)->trouble;
}

bool guard_set_trouble(Lease *lease, const char *trouble)
{
        LeaseGuardFacts *own = of(lease);
        bool same = own->trouble && trouble ? strcmp(own->trouble, trouble) == 0
                                            : own->trouble == trouble;

        if (same)
                return false;
        free(own->trouble);
        own->trouble = trouble ? strdup(trouble) : NULL;
        return true;
}

const GuardFacts *guard_facts_of_group(const Ledger *ledger, size_t group)
{
        const Lease *lease = ledger_lease_of_group(ledger, group);
        int32_t number = ledger->world->groups->groups[group].kernel_group;

        for (size_t i = 0; lease && i < lease->record->n_groups; i++)
                if (lease->record->groups[i].number == number)
                        return guard_facts_of(lease, i);
        return NULL;
}

GuardLayer ledger_group_guard(const Ledger *ledger, size_t group)
{
        const GuardFacts *facts = guard_facts_of_group(ledger, group);

        return facts ? guard_holds(facts) : GUARD_NONE;
}

bool lease_is_weak(const Lease *lease)
{
        return lease->record->state == LEASE_LEASED &&
               lease_guard(lease) < lease->record->terms.guard;
}
