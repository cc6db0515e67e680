/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Compares a lease with the machine as just read.
 *
 * A device in a leased group that the record does not know has joined. A recorded device that is
 * not there is lost. A joiner with a host driver is a breach: the guard did not hold.
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

/*
 * From Linux 6.12 on the kernel attaches a joiner to its group's current domain (kernel-facts 5.1).
 */
#define JOINERS_ATTACHED_MAJOR 6
#define JOINERS_ATTACHED_MINOR 12

static void report_joined(const Lease *lease, Bdf bdf)
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
 * Reports a device in the place of a taken one that was lost, and how it differs. Marks it if it is
 * the same one. Returns 0 or -ENOMEM.
 */
static int report_returned(const Lease *lease, LeaseDevice *known, const PciDevice *device)
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
                        "lease %u: somebody unbound %s from its driver %s by hand; its owner takes "
                        "it back with `isoctl take %u %s'",
                        lease->record->id, bdf_format(known->bdf, text), known->driver,
                        lease->record->id, text);
        else
                log_notice("lease %u: %s is back%s%s", lease->record->id,
                           bdf_format(known->bdf, text),
                           known->returned ? ", the same as before; its owner may take it"
                                           : ", but it is another device: ",
                           difference);
        if (ledger->observer.returned)
                ledger->observer.returned(lease, known->bdf, difference, false,
                                           ledger->observer.userdata);
        return 0;
}

/*
 * Whether the device is the one that was taken, and has only lost our driver. Its sysfs directory
 * shows that. A device that was not seen before has our override, which nobody else sets on a new
 * device. A VF that is being removed has already been released by its PF.
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
        if (index_before != SNAPSHOT_NONE && before->devices[index_before].sysfs.inode != 0)
                return before->devices[index_before].sysfs.inode == now->devices[index].sysfs.inode;
        return driver_override_read(&ledger->host, device->bdf, &override) == 0 &&
               strcmp(override, device->driver) == 0;
}

/* Clears the state before the lease: it was the state of another device. */
static void forget_before(LeaseDevice *device)
{
        device->owed = device->joined = false;
        device->before.driver[0] = device->before.override[0] = '\0';
}

/* Compares one device with the reading. Returns whether its record changes. */
static bool reconcile_known(Lease *lease, LeaseDevice *device)
{
        const Snapshot *snapshot = lease->ledger->world->snapshot;
        size_t index = snapshot_find(snapshot, device->bdf);
        bool is_leased = lease->record->state == LEASE_LEASED;
        bool here = index != SNAPSHOT_NONE &&
                    lease_record_has_group(lease->record, snapshot->devices[index].kernel_group);
        bool has_lost_driver = here && is_leased && device->role == LEASE_ROLE_TAKEN &&
                               strcmp(snapshot->devices[index].sysfs.driver, device->driver) != 0;
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
 * Marks lost devices. A taken device without our driver was removed and added between readings, or
 * somebody unbound its driver: then its state before the lease is still to be restored.
 */
static bool reconcile_lost(Lease *lease)
{
        bool changed = false;

        for (size_t i = 0; i < lease->record->n_devices; i++)
                changed |= reconcile_known(lease, &lease->record->devices[i]);
        return changed;
}

/* Whether it has lost our driver so recently that it may be about to be removed. */
static bool may_be_leaving(const Lease *lease, Bdf bdf)
{
        const LeaseDevice *device = lease_record_find(lease->record, bdf);

        return device && device->lost && device->owed && device->loss.untold;
}

/*
 * Whether a recorded member of this kernel group is still there. If none is, another group may have
 * its number.
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

/* Records a breach once, if a joiner has a host driver. Returns 1 if it has, 0, or -ENOMEM. */
static int reconcile_breach(Lease *lease, LeaseDevice *device, const char *driver)
{
        if (driver_is_harmless(driver)) {
                /* A worker may have unbound it already, and will report the same breach. */
                if (!device->joiner.blocking)
                        device->joiner.breached = false;
                return 0;
        }
        if (device->joiner.breached)
                return 0;
        int r = lease_note_breach(lease, device, driver);
        return r < 0 ? r : 1;
}

/* Handles a device in a leased group that is not on record, or was lost. */
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
                loss_report(lease, known);
                known->lost = known->joiner.blocking = known->joiner.blocked =
                        known->joiner.breached = false;
                known->taking = known->returned = known->joiner.stays = false;
                known->role = role;
                if (!known->owed)
                        forget_before(known);
        }
        if (is_new)
                module_report(lease->ledger, EVENT_JOINED, lease, NULL);
        if (is_new && role == LEASE_ROLE_JOINER) {
                report_joined(lease, device->bdf);
                int r = known->fingerprint.known ? report_returned(lease, known, device) : 0;
                if (r < 0)
                        return r;
        }
        if (known->role == LEASE_ROLE_JOINER && lease_record_is_in_hand(lease->record)) {
                int r = reconcile_breach(lease, known, device->sysfs.driver);
                if (r != 0)
                        return r;
        }
        return is_new;
}

int lease_reconcile(Lease *lease)
{
        const Snapshot *snapshot = lease->ledger->world->snapshot;

        /*
         * A device that has not been claimed yet is not part of the lease. The end of the take
         * causes another reading.
         */
        if (lease->record->state == LEASE_PREPARING)
                return 0;
        bool changed = reconcile_lost(lease);
        loss_report_all(lease);
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
