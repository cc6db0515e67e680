/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lookups in the ledger: the lease of a group or device, and their states.
 */

#include <string.h>

#include "core/model/reserve.h"
#include "daemon/host/driver.h"
#include "daemon/ledger/ledger.h"

Lease *ledger_find_lease(const Ledger *ledger, uint32_t id)
{
        for (size_t i = 0; i < ledger->n_leases; i++)
                if (ledger->leases[i]->record->id == id)
                        return ledger->leases[i];
        return NULL;
}

Lease *ledger_lease_of_group(const Ledger *ledger, size_t group)
{
        int32_t number = ledger->world->groups->groups[group].kernel_group;

        if (number < 0)
                return NULL;
        for (size_t i = 0; i < ledger->n_leases; i++)
                if (lease_record_has_group(ledger->leases[i]->record, number))
                        return ledger->leases[i];
        return NULL;
}

Lease *ledger_lease_of_device(const Ledger *ledger, size_t device)
{
        size_t group = ledger->world->groups->group_of[device];

        return group == SNAPSHOT_NONE ? NULL : ledger_lease_of_group(ledger, group);
}

size_t ledger_count_leases_of(const Ledger *ledger, uid_t uid)
{
        size_t n = 0;

        for (size_t i = 0; i < ledger->n_leases; i++)
                n += ledger->leases[i]->record->owner.uid == uid;
        return n;
}

const char *ledger_device_state(const Ledger *ledger, size_t device)
{
        const PciDevice *pci = &ledger->world->snapshot->devices[device];
        const Lease *lease = ledger_lease_of_device(ledger, device);
        const LeaseDevice *recorded = lease ? lease_record_find(lease->record, pci->bdf) : NULL;

        if (recorded && recorded->role == LEASE_ROLE_TAKEN && !recorded->lost)
                return lease->record->parked ? "parked" : "leased";
        if (recorded && recorded->role == LEASE_ROLE_JOINER &&
            driver_is_harmless(pci->sysfs.driver))
                return "held";
        if (pci->sysfs.driver[0])
                return "host";
        return reserve_judge(ledger->policy, ledger->world->snapshot, device,
                             ledger->world->paths[device], false)
                                       .verdict == RESERVE_BLOCK
                       ? "reserved"
                       : "free";
}

const char *ledger_group_state(const Ledger *ledger, size_t group)
{
        const Lease *lease = ledger_lease_of_group(ledger, group);

        return lease ? ledger_lease_state(lease) : "free";
}

bool ledger_is_revoking(const Lease *lease)
{
        return lease->record->state == LEASE_LEASED && lease->record->revocation.end_usec > 0;
}

const char *ledger_lease_state(const Lease *lease)
{
        if (lease->is_stuck)
                return "stuck";
        if (ledger_is_revoking(lease))
                return "revoking";
        if (lease->record->state == LEASE_LEASED && lease->record->condition.breach)
                return "breached";
        if (lease->record->state == LEASE_LEASED && lease->record->parked)
                return "parked";
        return lease_state_to_string(lease->record->state);
}

bool ledger_is_other_bus(const Ledger *ledger, const char *bus_id)
{
        return ledger->bus_id[0] && bus_id[0] && strcmp(ledger->bus_id, bus_id) != 0;
}
