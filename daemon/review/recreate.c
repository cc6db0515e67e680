/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Brings back lost virtual functions of a lease whose rule wants that.
 *
 * If somebody sets sriov_numvfs to 0, the daemon writes it back once. If it is set to 0 again
 * within a minute, that is taken as intended: the VF stays lost until somebody creates it again;
 * the lease takes that one back too. Failures are not retried.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/descriptors/descriptors.h"
#include "daemon/guard/recreate.h"
#include "daemon/guard/seal.h"
#include "daemon/host/driver.h"
#include "daemon/lease/state.h"
#include "daemon/review/review_internal.h"
#include "daemon/work/work.h"

/* The least time between two writes of sriov_numvfs for one lease. */
#define RECREATE_PAUSE_USEC (60 * 1000000ULL)

typedef struct LeaseRecreation {
        size_t n_lasting; /* changes on record without those of a recreation */
} LeaseRecreation;

const Module recreate_module = {.name = "recreate", .lease_size = sizeof(LeaseRecreation)};

DEFINE_LEASE_PART(LeaseRecreation, of, recreate_module);

/* Whether the lost VF, or one just like it, is in its place. */
static bool is_back(const Lease *lease, const LeaseVf *vf)
{
        const Snapshot *snapshot = lease->ledger->world->snapshot;
        size_t index = snapshot_find(snapshot, vf->bdf);

        return index != SNAPSHOT_NONE && vf_place_fits(&vf->place, snapshot, index);
}

/*
 * Whether the kernel has finished removing the VF. While a process has it open, the kernel waits
 * with the lock of sriov_numvfs held. The daemon must not wait for that lock: it could be one of
 * those processes.
 */
static bool is_gone(const Lease *lease, const LeaseVf *vf)
{
        return snapshot_find(lease->ledger->world->snapshot, vf->bdf) == SNAPSHOT_NONE;
}

bool recreate_awaits(const Lease *lease, Bdf bdf)
{
        const LeaseVf *vf = lease_record_find_vf(lease->record, bdf);
        const LeaseDevice *device = lease_record_find(lease->record, bdf);

        return lease->record->terms.on_vf_loss == POLICY_VF_LOSS_RECREATE &&
               lease->record->state == LEASE_LEASED && vf && device && device->lost &&
               !device->loss.given_up && is_back(lease, vf);
}

/* Whether sriov_numvfs may be written back for a VF that is not there. Logs if not. */
static bool may_recreate(const Lease *lease, LeaseDevice *device)
{
        const LeaseRecord *record = lease->record;
        char text[BDF_TEXT_SIZE];

        if (!device->loss.recreate)
                return false;
        if (record->recreated_usec == 0 ||
            clock_usec(CLOCK_BOOTTIME) - record->recreated_usec > RECREATE_PAUSE_USEC)
                return true;
        device->loss.recreate = false;
        log_notice("lease %u: %s was lost again within a minute: somebody means it, and it stays "
                   "away",
                   record->id, bdf_format(device->bdf, text));
        return false;
}

/* Marks the VFs to take back. Returns whether there are any; *ret_write: VFs have to be created. */
static bool mark_returning(Lease *lease, bool *ret_write)
{
        LeaseRecord *record = lease->record;
        bool any = false;

        *ret_write = false;
        for (size_t i = 0; i < record->n_vfs; i++) {
                LeaseVf *vf = &record->vfs[i];
                LeaseDevice *device = lease_record_find(record, vf->bdf);

                vf->returning = false;
                if (!device || !device->lost || device->loss.untold || device->loss.given_up)
                        continue;
                if (is_back(lease, vf))
                        vf->returning = true;
                else if (is_gone(lease, vf) && may_recreate(lease, device))
                        vf->returning = *ret_write = true;
                any |= vf->returning;
        }
        return any;
}

/* Puts on record which sriov_drivers_autoprobe are cleared meanwhile. Returns 0 or -errno. */
static int plan_switches(Lease *lease)
{
        LeaseRecord *record = lease->record;
        char text[BDF_TEXT_SIZE];
        int r = 0;

        for (size_t i = 0; r == 0 && i < record->n_vfs; i++) {
                Bdf pf = record->vfs[i].place.pf;

                if (record->vfs[i].returning && seal_finds_vfs(&lease->ledger->host, pf) &&
                    !lease_record_has_change(record, LEASE_CHANGE_VFS, bdf_format(pf, text)))
                        r = lease_record_add_change(record, LEASE_CHANGE_VFS, text);
        }
        return r;
}

/* --- taking back ------------------------------------------------------------------------------ */

static int job_recreate(const void *context, VfioFds *fds, char **ret_message)
{
        const Lease *lease = context;

        return recreate_vfs(&lease->ledger->host, lease->record, of(lease)->n_lasting, fds,
                            ret_message);
}

/* The kernel may have given its group another number. */
static void adopt_group(Lease *lease, LeaseVf *vf)
{
        LeaseRecord *record = lease->record;
        int32_t number;

        /* If the VF is gone again, the next reading shows that. */
        if (vfio_read_group(&lease->ledger->host, vf->bdf, &number) < 0 || number == vf->group)
                return;
        for (size_t i = 0; i < record->n_groups && !lease_record_has_group(record, number); i++)
                if (record->groups[i].number == vf->group)
                        record->groups[i].number = number;
        vf->group = number;
}

static void tell_returned(const Lease *lease, Bdf bdf)
{
        const LedgerObserver *observer = &lease->ledger->observer;
        char text[BDF_TEXT_SIZE];

        log_notice("lease %u: %s is back and belongs to the lease again", lease->record->id,
                   bdf_format(bdf, text));
        if (observer->returned)
                observer->returned(lease, bdf, "", true, observer->userdata);
}

bool recreate_find_returned(const Lease *lease, Bdf bdf, VfioFds *ret_fds)
{
        const LeaseVf *vf = lease_record_find_vf(lease->record, bdf);
        const LeaseDevice *device = lease_record_find(lease->record, bdf);
        char group[48], name[48], text[BDF_TEXT_SIZE];

        if (!vf || !vf->returned || !device || device->lost || lease->record->state != LEASE_LEASED)
                return false;
        (void)snprintf(group, sizeof(group), "group:%d", vf->group);
        (void)snprintf(name, sizeof(name), "device:%s", bdf_format(bdf, text));
        ret_fds->n_items = 0;
        const VfioFds *fds = descriptors_of(lease);
        for (size_t i = 0; i < fds->n_items; i++)
                if (strcmp(fds->items[i].name, group) == 0 || strcmp(fds->items[i].name, name) == 0)
                        ret_fds->items[ret_fds->n_items++] = fds->items[i];
        return true;
}

/* Whether the worker did not give the VF back to the host, so that the daemon has to restore it. */
static bool needs_restoring(const Lease *lease, const LeaseDevice *device)
{
        _cleanup_(freep) char *override = NULL;

        return driver_override_read(&lease->ledger->host, device->bdf, &override) == 0 &&
               strcmp(override, device->driver) == 0;
}

/*
 * Restores its record as it was before the loss. A VF that was only held meanwhile came without a
 * driver.
 */
static void settle_taken(Lease *lease, LeaseVf *vf, LeaseDevice *device)
{
        device->joined |= device->role == LEASE_ROLE_JOINER && !device->owed;
        device->role = LEASE_ROLE_TAKEN;
        device->lost = device->owed = false;
        vf->returned = true;
        tell_returned(lease, vf->bdf);
}

/* After the worker: VFs that were returning belong to the lease, or are lost for good. */
static void settle_vfs(Lease *lease, bool taken)
{
        LeaseRecord *record = lease->record;

        for (size_t i = 0; i < record->n_vfs; i++) {
                LeaseVf *vf = &record->vfs[i];
                LeaseDevice *device = lease_record_find(record, vf->bdf);

                if (!vf->returning || !device)
                        continue;
                vf->returning = device->loss.recreate = false;
                device->loss.given_up = !taken;
                device->owed = !taken && needs_restoring(lease, device);
                if (taken || device->owed)
                        adopt_group(lease, vf);
                if (taken)
                        settle_taken(lease, vf, device);
        }
        lease_record_drop_changes(record, of(lease)->n_lasting);
        (void)ledger_save_lease(lease);
        ledger_read_soon(lease->ledger);
}

static void on_recreated(Lease *lease, WorkerResult *result, bool is_ending)
{
        int r = result->code;
        VfioFds former;

        if (is_ending)
                return; /* the work is on record, and is undone next */
        if (r == 0)
                r = descriptors_keep(lease, result->fds, &former);
        if (r == 0)
                descriptors_settle(lease, &former, true);
        if (r != 0)
                log_error("lease %u: its lost virtual functions could not be taken back: "
                          "%s",
                          lease->record->id,
                          result->message && result->message[0] ? result->message
                          : r < 0                               ? strerror(-r)
                                                                : "the kernel refused");
        settle_vfs(lease, r == 0);
}

static void on_overdue(Lease *lease)
{
        log_error("lease %u: taking back its lost virtual functions has taken more than %d s; see "
                  "the kernel log",
                  lease->record->id, WORKER_DEADLINE_SECONDS);
}

void lease_review_vfs(Lease *lease)
{
        const LeaseJob job = {
                .name = "the worker of its virtual functions",
                .run = job_recreate,
                .fds = descriptors_of(lease),
                .deadline = WORKER_DEADLINE_SECONDS,
                .done = on_recreated,
                .overdue = on_overdue,
        };
        LeaseRecord *record = lease->record;
        uint64_t recreated = record->recreated_usec;
        bool write;

        if (record->terms.on_vf_loss != POLICY_VF_LOSS_RECREATE || record->state != LEASE_LEASED ||
            work_transition(lease) || work_upkeep(lease) || !mark_returning(lease, &write))
                return;
        of(lease)->n_lasting = record->n_changes;
        int r = plan_switches(lease);
        if (write)
                record->recreated_usec = clock_usec(CLOCK_BOOTTIME);
        if (r == 0)
                r = lease_state_save(lease->ledger->state_directory, record);
        if (r == 0)
                r = work_start_upkeep(lease, &job);
        if (r == 0)
                return;
        log_error("lease %u: its lost virtual functions are not taken back: "
                  "%s",
                  record->id, strerror(-r));
        record->recreated_usec = recreated;
        settle_vfs(lease, false);
}
