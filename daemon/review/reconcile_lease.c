/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A lease held against what was just read of the machine.
 *
 * A device in a leased group that no record knows has joined, a recorded one that is not there is
 * lost, and a joiner with a host driver is a breach: what was promised did not hold.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/model/strength.h"
#include "daemon/base/log.h"
#include "daemon/facts/guard_facts.h"
#include "daemon/host/driver.h"
#include "daemon/lease/steps.h"
#include "daemon/machine/revision.h"
#include "daemon/review/review_internal.h"
#include "daemon/tell/audit.h"

/* From 6.12 on the kernel attaches a newcomer to its group's current domain (kernel-facts 5.1). */
#define JOINERS_ATTACHED_MAJOR 6
#define JOINERS_ATTACHED_MINOR 12

static void tell_joined(const Lease *lease, Bdf bdf)
{
        const Ledger *ledger = lease->ledger;
        const char *release = ledger->world->snapshot->kernel_release;
        size_t index = snapshot_find(ledger->world->snapshot, bdf);
        bool attached =
                world_kernel_at_least(release, JOINERS_ATTACHED_MAJOR, JOINERS_ATTACHED_MINOR) &&
                index != SNAPSHOT_NONE &&
                guard_is_owned(lease, ledger->world->snapshot->devices[index].kernel_group);
        char text[BDF_TEXT_SIZE];

        audit_device(AUDIT_JOINED, lease, bdf, ": %s joined its group and is held%s",
                     bdf_format(bdf, text),
                     attached ? "; the kernel attached it to the owner's address space" : "");
        if (ledger->observer.joined)
                ledger->observer.joined(lease, bdf, attached, ledger->observer.userdata);
}

/*
 * Something is where a taken device was lost: the same one, or what differs. Only the same one is
 * marked. Returns 0 or -ENOMEM.
 */
static int tell_returned(const Lease *lease, LeaseDevice *known, const PciDevice *device)
{
        const Ledger *ledger = lease->ledger;
        Fingerprint now = world_fingerprint(&ledger->host, device);
        _cleanup_(freep) char *difference = NULL;
        char text[BDF_TEXT_SIZE];

        int r = fingerprint_difference(&known->fingerprint, &now, &difference);
        if (r < 0)
                return r;
        known->returned = !difference[0];
        if (known->owed)
                log_notice(
                        "lease %u: %s is there still, without its driver %s, which somebody took "
                        "away by hand: its owner has it again by `isoctl take %u %s'",
                        lease->record->id, bdf_format(known->bdf, text), known->driver,
                        lease->record->id, text);
        else
                log_notice("lease %u: %s is back%s%s", lease->record->id,
                           bdf_format(known->bdf, text),
                           known->returned ? ", the same as before; its owner may take it"
                                           : ", but it is another one: ",
                           difference);
        if (ledger->observer.returned)
                ledger->observer.returned(lease, known->bdf, difference, false,
                                           ledger->observer.userdata);
        return 0;
}

/*
 * Is what is there the device that was taken, and only our driver has left it? Its directory tells;
 * what was not seen before has our override, which nobody else gives to a newcomer. Of a VF that is
 * being taken away its PF has let go already.
 */
static bool has_stayed(const Lease *lease, const LeaseDevice *device, size_t index)
{
        const Ledger *ledger = lease->ledger;
        const Snapshot *now = ledger->world->snapshot;
        const LeaseVf *vf = lease_record_find_vf(lease->record, device->bdf);
        _cleanup_(freep) char *override = NULL;

        if (vf && !vf_place_fits(&vf->place, now, index))
                return false;
        const Snapshot *before = ledger->before ? ledger->before->snapshot : NULL;
        size_t index_before = before ? snapshot_find(before, device->bdf) : SNAPSHOT_NONE;
        if (index_before != SNAPSHOT_NONE && before->devices[index_before].inode != 0)
                return before->devices[index_before].inode == now->devices[index].inode;
        return driver_override_read(&ledger->host, device->bdf, &override) == 0 &&
               strcmp(override, device->driver) == 0;
}

/* What it had before the lease is nothing to what is there now. */
static void forget_before(LeaseDevice *device)
{
        device->owed = device->joined = false;
        device->driver_before[0] = device->override_before[0] = '\0';
}

/* Holds one device against what is there. Returns whether its record changes. */
static bool reconcile_known(Lease *lease, LeaseDevice *device)
{
        const Snapshot *snapshot = lease->ledger->world->snapshot;
        size_t index = snapshot_find(snapshot, device->bdf);
        bool is_leased = lease->record->state == LEASE_LEASED;
        bool here = index != SNAPSHOT_NONE &&
                    lease_record_has_group(lease->record, snapshot->devices[index].kernel_group);
        bool has_lost_driver = here && is_leased && device->role == LEASE_ROLE_TAKEN &&
                               strcmp(snapshot->devices[index].driver, device->driver) != 0;
        bool stays = here && (device->owed || has_lost_driver) &&
                     (!is_leased || has_stayed(lease, device, index));
        bool changed = false;

        if (device->owed && !stays) {
                device->owed = false;
                if (device->role == LEASE_ROLE_JOINER)
                        forget_before(device);
                changed = true;
        }
        if (device->lost || (here && !has_lost_driver))
                return changed;
        loss_mark(device);
        device->owed = stays;
        return true;
}

/*
 * Marks what is gone. A taken device without our driver has gone and come back between readings, or
 * somebody has taken the driver away: then it is owed what it had before.
 */
static bool reconcile_lost(Lease *lease)
{
        bool changed = false;

        for (size_t i = 0; i < lease->record->n_devices; i++)
                changed |= reconcile_known(lease, &lease->record->devices[i]);
        return changed;
}

/* Has it lost our driver so lately that it may be on its way out? */
static bool may_be_leaving(const Lease *lease, Bdf bdf)
{
        const LeaseDevice *device = lease_record_find(lease->record, bdf);

        return device && device->lost && device->owed && device->untold;
}

/* Is a recorded member of this kernel group still there? If none is, the number may be another's.
 */
static bool group_is_alive(const Lease *lease, int32_t number)
{
        const Snapshot *snapshot = lease->ledger->world->snapshot;

        for (size_t i = 0; i < lease->record->n_devices; i++) {
                const LeaseDevice *device = &lease->record->devices[i];
                size_t index = snapshot_find(snapshot, device->bdf);

                if ((!device->lost || device->owed) && index != SNAPSHOT_NONE &&
                    snapshot->devices[index].kernel_group == number)
                        return true;
        }
        return false;
}

/* Has a host driver got a joiner? Puts that on record, once. Returns 1 if it did, 0, or -ENOMEM. */
static int reconcile_breach(Lease *lease, LeaseDevice *device, const char *driver)
{
        if (driver_is_harmless(driver)) {
                /* The worker that may have thrown it out has yet to say so: it is the same one. */
                if (!device->blocking)
                        device->breached = false;
                return 0;
        }
        if (device->breached)
                return 0;
        int r = lease_note_breach(lease, device, driver);
        return r < 0 ? r : 1;
}

/* Takes a device of a leased group that the record does not know, or knew and lost. */
static int reconcile_joiner(Lease *lease, const PciDevice *device)
{
        LeaseRole role = world_is_bridge(device) ? LEASE_ROLE_BYSTANDER : LEASE_ROLE_JOINER;
        LeaseDevice *known = lease_record_find(lease->record, device->bdf);
        bool is_new = !known || known->lost;

        if (!known) {
                int r = lease_record_add_device(lease->record, device->bdf, role, "", "");
                if (r < 0)
                        return r;
                known = lease_record_find(lease->record, device->bdf);
        } else if (is_new) {
                loss_tell(lease, known);
                known->lost = known->blocking = known->blocked = known->breached = false;
                known->taking = known->returned = known->stays = false;
                known->role = role;
                if (!known->owed)
                        forget_before(known);
        }
        if (is_new)
                module_report(lease->ledger, EVENT_JOINED, lease, NULL);
        if (is_new && role == LEASE_ROLE_JOINER) {
                tell_joined(lease, device->bdf);
                int r = known->fingerprint.known ? tell_returned(lease, known, device) : 0;
                if (r < 0)
                        return r;
        }
        if (known->role == LEASE_ROLE_JOINER && lease_record_is_in_hand(lease->record)) {
                int r = reconcile_breach(lease, known, device->driver);
                if (r != 0)
                        return r;
        }
        return is_new;
}

int lease_reconcile(Lease *lease)
{
        const Snapshot *snapshot = lease->ledger->world->snapshot;

        /* What a take has not claimed yet is not the lease's; its end brings another reading. */
        if (lease->record->state == LEASE_PREPARING)
                return 0;
        bool changed = reconcile_lost(lease);
        loss_tell_all(lease);
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];
                if (!lease_record_has_group(lease->record, device->kernel_group) ||
                    !group_is_alive(lease, device->kernel_group) ||
                    recreate_awaits(lease, device->bdf) || may_be_leaving(lease, device->bdf))
                        continue;
                int r = reconcile_joiner(lease, device);
                if (r < 0)
                        return r;
                changed |= r > 0;
        }
        return changed ? ledger_save_lease(lease) : 0;
}
