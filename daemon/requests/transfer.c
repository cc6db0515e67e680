/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Transfers a lease to another owner: changes on record who may release it and what ends it.
 * Nothing changes on the host.
 *
 * A lease that lasts as long as its fd still ends when all copies of that fd are closed, whoever
 * has them.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/lease/nodes.h"
#include "daemon/lease/state.h"
#include "daemon/requests/requests.h"
#include "daemon/tell/audit.h"

/* Whether the policy allows the devices to the new owner. */
static int check_policy(const Lease *lease, const NewOwner *owner, char **ret_message)
{
        const Ledger *ledger = lease->ledger;
        PolicyRequest asked = owner->who;
        char text[BDF_TEXT_SIZE];

        asked.mode = lease->record->mode;
        for (size_t i = 0; i < lease->record->n_devices; i++) {
                const LeaseDevice *device = &lease->record->devices[i];
                size_t index = snapshot_find(ledger->world->snapshot, device->bdf);

                if (device->role != LEASE_ROLE_TAKEN || index == SNAPSHOT_NONE)
                        continue;
                const PolicySubject subject = world_subject(ledger->world, index);
                PolicyVerdict verdict = policy_check(ledger->policy, &subject, &asked);
                if (!verdict.allowed)
                        return host_refuse(REFUSAL_POLICY_DENIED, ret_message,
                                           "%s: the policy does not let uid %u lease it%s%s",
                                           bdf_format(device->bdf, text), asked.uid,
                                           verdict.rule ? ": rule " : "",
                                           verdict.rule ? verdict.rule->origin : "");
        }
        return 0;
}

static int check(const Lease *lease, const NewOwner *owner, char **ret_message)
{
        const Ledger *ledger = lease->ledger;
        const LeaseRecord *record = lease->record;
        size_t n = ledger_count_leases_of(ledger, owner->who.uid);

        if (record->parked)
                return host_refuse(REFUSAL_INVALID, ret_message,
                                   "lease %" PRIu32
                                   " belongs to the daemon and cannot be transferred",
                                   record->id);
        if (record->state != LEASE_LEASED)
                return host_refuse(REFUSAL_BUSY, ret_message,
                                   "lease %" PRIu32
                                   " is %s; only a lease in state leased can be transferred",
                                   record->id, lease_state_to_string(record->state));
        if (record->lifetime == LEASE_LIFETIME_CONNECTION && !owner->name)
                return host_refuse(REFUSAL_INVALID, ret_message,
                                   "lease %" PRIu32 " ends with a connection to the bus: name the "
                                   "connection of the new owner",
                                   record->id);
        if (nodes_are_for(record->mode) && record->owner.path_uid != owner->who.uid)
                return host_refuse(REFUSAL_UNSUPPORTED, ret_message,
                                   "lease %" PRIu32 ", mode %s: its nodes stay open to uid %u; "
                                   "release it, and let the new owner acquire",
                                   record->id, lease_mode_to_string(record->mode),
                                   record->owner.path_uid);
        if (owner->who.uid != 0 && owner->who.uid != record->owner.uid && n >= LEASES_PER_UID_MAX)
                return host_refuse(REFUSAL_QUOTA, ret_message, "uid %u has %zu leases already",
                                   owner->who.uid, n);
        return owner->is_privileged ? 0 : check_policy(lease, owner, ret_message);
}

int lease_transfer(Lease *lease, const NewOwner *owner, char **ret_message)
{
        LeaseRecord *record = lease->record;
        _cleanup_(freep) char *unit = strdup(owner->unit ? owner->unit : "");
        const LeaseOwner before = record->owner;

        int r = check(lease, owner, ret_message);
        if (r != 0 || !unit)
                return r != 0 ? r : -ENOMEM;
        record->owner.unit = unit;
        record->owner.uid = owner->who.uid;
        if (record->lifetime == LEASE_LIFETIME_CONNECTION) {
                (void)snprintf(record->owner.name, sizeof(record->owner.name), "%s", owner->name);
                memcpy(record->owner.bus, lease->ledger->bus_id, sizeof(record->owner.bus));
        }
        r = lease_state_save(lease->ledger->state_directory, record);
        if (r < 0) {
                record->owner = before;
                return r;
        }
        unit = before.unit;
        audit_lease(AUDIT_TRANSFERRED, lease, ": from uid %u to uid %u", before.uid,
                    record->owner.uid);
        if (record->lifetime == LEASE_LIFETIME_CONNECTION)
                ledger_need_name(lease->ledger, record->owner.name);
        ledger_tell_lease(lease);
        return 0;
}
