/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lost virtual functions of a lease whose rule wants them back.
 *
 * Somebody who sets sriov_numvfs to 0 has it written back once. Who does it again within a minute
 * means it: then the VF stays lost, until somebody else brings it back, which is taken as well.
 * What fails is not tried again.
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

/* Between two writes of sriov_numvfs for one lease. */
#define RECREATE_PAUSE_USEC (60 * 1000000ULL)

typedef struct LeaseRecreation {
        size_t n_lasting; /* changes on record but those of a recreation under way */
} LeaseRecreation;

const Module recreate_module = {.name = "recreate", .lease_size = sizeof(LeaseRecreation)};

DEFINE_LEASE_PART(LeaseRecreation, of, recreate_module);

/* Is the lost VF, or one just like it, in its place? */
static bool is_back(const Lease *lease, const LeaseVf *vf)
{
        const Snapshot *snapshot = lease->ledger->world->snapshot;
        size_t index = snapshot_find(snapshot, vf->bdf);

        return index != SNAPSHOT_NONE && vf_place_fits(&vf->place, snapshot, index);
}

/*
 * Has the kernel come to its end with it? While somebody has it open it waits for them, holding the
 * lock of sriov_numvfs, and nobody must wait for that who could be one of them.
 */
static bool is_gone(const Lease *lease, const LeaseVf *vf)
{
        return snapshot_find(lease->ledger->world->snapshot, vf->bdf) == SNAPSHOT_NONE;
}

bool recreate_awaits(const Lease *lease, Bdf bdf)
{
        const LeaseVf *vf = lease_record_find_vf(lease->record, bdf);
        const LeaseDevice *device = lease_record_find(lease->record, bdf);

        return lease->record->on_vf_loss == POLICY_VF_LOSS_RECREATE &&
               lease->record->state == LEASE_LEASED && vf && device && device->lost &&
               !device->given_up && is_back(lease, vf);
}

/* Whether sriov_numvfs may be written back for a VF that is not there. Says so if not. */
static bool may_recreate(const Lease *lease, LeaseDevice *device)
{
        const LeaseRecord *record = lease->record;
        char text[BDF_TEXT_SIZE];

        if (!device->recreate)
                return false;
        if (record->recreated_usec == 0 ||
            clock_usec(CLOCK_BOOTTIME) - record->recreated_usec > RECREATE_PAUSE_USEC)
                return true;
        device->recreate = false;
        log_notice("lease %u: %s was lost again within a minute: somebody means it, and it stays "
                   "away",
                   record->id, bdf_format(device->bdf, text));
        return false;
}

/* Marks what is to be taken back. Returns whether there is anything; *ret_write: VFs to be made. */
static bool mark_returning(Lease *lease, bool *ret_write)
{
        LeaseRecord *record = lease->record;
        bool any = false;

        *ret_write = false;
        for (size_t i = 0; i < record->n_vfs; i++) {
                LeaseVf *vf = &record->vfs[i];
                LeaseDevice *device = lease_record_find(record, vf->bdf);

                vf->returning = false;
                if (!device || !device->lost || device->untold || device->given_up)
                        continue;
                if (is_back(lease, vf))
                        vf->returning = true;
                else if (is_gone(lease, vf) && may_recreate(lease, device))
                        vf->returning = *ret_write = true;
                any |= vf->returning;
        }
        return any;
}

/* Notes the switches that are shut meanwhile. Returns 0 or -errno. */
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

/* The kernel may have given its group another number than it had. */
static void adopt_group(Lease *lease, LeaseVf *vf)
{
        LeaseRecord *record = lease->record;
        int32_t number;

        /* If it is gone again, the next reading will show it. */
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

        log_notice("lease %u: %s is back and the lease's again", lease->record->id,
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

/* Has the worker not got to leaving it to the host again? Then it is ours to put back. */
static bool is_half_ours(const Lease *lease, const LeaseDevice *device)
{
        _cleanup_(freep) char *override = NULL;

        return driver_override_read(&lease->ledger->host, device->bdf, &override) == 0 &&
               strcmp(override, device->driver) == 0;
}

/* It is as it was before it was lost; one that was only held meanwhile came without a driver. */
static void settle_taken(Lease *lease, LeaseVf *vf, LeaseDevice *device)
{
        device->joined |= device->role == LEASE_ROLE_JOINER && !device->owed;
        device->role = LEASE_ROLE_TAKEN;
        device->lost = device->owed = false;
        vf->returned = true;
        tell_returned(lease, vf->bdf);
}

/* The worker has ended: what was returning is the lease's, or lost for good. */
static void settle_vfs(Lease *lease, bool taken)
{
        LeaseRecord *record = lease->record;

        for (size_t i = 0; i < record->n_vfs; i++) {
                LeaseVf *vf = &record->vfs[i];
                LeaseDevice *device = lease_record_find(record, vf->bdf);

                if (!vf->returning || !device)
                        continue;
                vf->returning = device->recreate = false;
                device->given_up = !taken;
                device->owed = !taken && is_half_ours(lease, device);
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
                return; /* what the worker did is on record, and is undone next */
        if (r == 0)
                r = descriptors_keep(lease, result->fds, &former);
        if (r == 0)
                descriptors_settle(lease, &former, true);
        if (r != 0)
                log_error("lease %u: what it has lost does not come back: %s", lease->record->id,
                          result->message && result->message[0] ? result->message
                          : r < 0                               ? strerror(-r)
                                                                : "the kernel refused");
        settle_vfs(lease, r == 0);
}

static void on_overdue(Lease *lease)
{
        log_error("lease %u: bringing back what it has lost takes longer than %d s; "
                  "the kernel log says more",
                  lease->record->id, WORKER_DEADLINE_SECONDS);
}

void lease_review_vfs(Lease *lease)
{
        const LeaseJob job = {
                .name = "the worker that brings its virtual functions back",
                .run = job_recreate,
                .fds = descriptors_of(lease),
                .deadline = WORKER_DEADLINE_SECONDS,
                .done = on_recreated,
                .overdue = on_overdue,
        };
        LeaseRecord *record = lease->record;
        uint64_t recreated = record->recreated_usec;
        bool write;

        if (record->on_vf_loss != POLICY_VF_LOSS_RECREATE || record->state != LEASE_LEASED ||
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
        log_error("lease %u: what it has lost is not brought back: %s", record->id, strerror(-r));
        record->recreated_usec = recreated;
        settle_vfs(lease, false);
}
