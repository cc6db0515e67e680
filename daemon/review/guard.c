/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The guard of a lease, from one reading to the next: what holds, what has to be done, and who does
 * it.
 *
 * While the kernel owns a group for us nothing on the host is touched for it but joiners, which get
 * an override that outlives us. Its ownership ends with the last device that VFIO drives, though
 * the lease goes on: then the group's slots are sealed. So are they where claiming is for the
 * owner.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/claims/claims.h"
#include "daemon/facts/guard_facts.h"
#include "daemon/guard/enforce.h"
#include "daemon/guard/seal.h"
#include "daemon/guard/seal_record.h"
#include "daemon/guard_process/controller.h"
#include "daemon/lease/state.h"
#include "daemon/review/review_internal.h"
#include "daemon/work/work.h"

/* Longest text kept of what failed. */
#define TROUBLE_SIZE 512

/* A port that leads into a group that is not owned: its slot is to be sealed. */
static int record_port(Lease *lease, Bdf port)
{
        return seal_record_slot(&lease->ledger->host, lease->record, port);
}

/* --- doing it --------------------------------------------------------------------------------- */

static int job_enforce(const void *context, VfioFds *fds, char **ret_message)
{
        const Lease *lease = context;

        return guard_enforce(&lease->ledger->host, lease->record, ret_message);
}

/* The first change made for the guard alone: those before it are the whole lease's. */
static size_t first_seal(const LeaseRecord *record)
{
        size_t first = 0;

        while (first < record->n_changes && record->changes[first].kind != LEASE_CHANGE_SEAL)
                first++;
        return first;
}

static int job_unseal(const void *context, VfioFds *fds, char **ret_message)
{
        const Lease *lease = context;

        return guard_undo(&lease->ledger->host, lease->record, first_seal(lease->record),
                          ret_message);
}

/* What a worker failed at, in words. */
static void describe_trouble(const WorkerResult *result, char *text, size_t n_text)
{
        if (result->message && result->message[0])
                (void)snprintf(text, n_text, "%s", result->message);
        else
                (void)snprintf(text, n_text, "the worker ended with %d", result->code);
}

/* Says what failed, once; tries again a little later. */
static void note_trouble(Lease *lease, const char *text)
{
        if (guard_set_trouble(lease, text))
                log_error("lease %" PRIu32 ": guarding failed: %s; trying again", lease->record->id,
                          text);
        ledger_read_later(lease->ledger);
}

/* Notes how the worker has ended. */
static void end_work(Lease *lease, const WorkerResult *result)
{
        if (result->code != 0) {
                char text[TROUBLE_SIZE];

                describe_trouble(result, text, sizeof(text));
                note_trouble(lease, text);
        } else {
                (void)guard_set_trouble(lease, NULL);
                ledger_read_soon(lease->ledger);
        }
}

/* A driver that came and went between two readings; those that were read are told already. */
static void note_evicted(Lease *lease, const char *address, const char *driver)
{
        LeaseDevice *device;
        Bdf bdf;

        device = bdf_parse(address, &bdf) ? lease_record_find(lease->record, bdf) : NULL;
        if (!device)
                return;
        if (!device->breached && lease_note_breach(lease, device, driver) < 0)
                log_broken(-ENOMEM);
        device->breached = false; /* it is out, and the next one is another one */
}

/* Takes the lines about evicted drivers off the front of a worker's message. */
static const char *take_evicted(Lease *lease, const char *message)
{
        bool any = false;

        while (message && strncmp(message, GUARD_EVICTED, strlen(GUARD_EVICTED)) == 0) {
                char address[BDF_TEXT_SIZE], driver[SNAPSHOT_NAME_SIZE];

                if (sscanf(message, GUARD_EVICTED "%16s %63s", address, driver) == 2)
                        note_evicted(lease, address, driver);
                any = true;
                message = strchr(message, '\n');
                message = message ? message + 1 : NULL;
        }
        if (any)
                (void)ledger_save_lease(lease);
        return message;
}

static void on_enforced(Lease *lease, WorkerResult *result, bool is_ending)
{
        bool untaken = false;

        for (size_t i = 0; i < lease->record->n_devices; i++) {
                LeaseDevice *device = &lease->record->devices[i];

                device->blocked |= device->blocking && result->code == 0;
                device->blocking = false;
                untaken |= device->blocked && device->taking;
                device->taking &= !device->blocked;
        }
        if (untaken)
                (void)ledger_save_lease(lease);
        result->message = take_evicted(lease, result->message);
        if (is_ending)
                return;
        end_work(lease, result);
        if (result->code == 0 && lease->record->breach && lease->record->state == LEASE_LEASED)
                /* The host driver is out. What else follows, the policy says. */
                module_report(lease->ledger, EVENT_BREACHED, lease, lease->record->breach);
}

static void on_unsealed(Lease *lease, WorkerResult *result, bool is_ending)
{
        if (is_ending)
                return;
        end_work(lease, result);
        if (result->code != 0)
                return;
        lease_record_drop_changes(lease->record, first_seal(lease->record));
        (void)ledger_save_lease(lease);
}

static void on_overdue(Lease *lease)
{
        log_error("lease %" PRIu32 ": guarding its groups takes longer than %d s; "
                  "the kernel log says more",
                  lease->record->id, WORKER_DEADLINE_SECONDS);
}

static void start(Lease *lease, WorkerJob run,
                  void (*done)(Lease *lease, WorkerResult *result, bool is_ending))
{
        const LeaseJob job = {
                .name = "the guard's worker",
                .run = run,
                .deadline = WORKER_DEADLINE_SECONDS,
                .done = done,
                .overdue = on_overdue,
        };

        int r = work_start_upkeep(lease, &job);
        if (r < 0)
                note_trouble(lease, "no worker process could be started");
}

/* Are there joiners nobody has blocked yet? Notes that somebody is about to. */
static bool take_unblocked(LeaseRecord *record)
{
        bool any = false;

        for (size_t i = 0; i < record->n_devices; i++) {
                LeaseDevice *device = &record->devices[i];

                if (device->role == LEASE_ROLE_JOINER && !device->lost && !device->blocked)
                        any = device->blocking = true;
        }
        return any;
}

/* A seal that could not be made, or that somebody has broken. */
static bool has_open_seal(const Lease *lease)
{
        const LeaseRecord *record = lease->record;

        for (size_t i = 0; i < record->n_changes; i++)
                if (!guard_facts_are_firm(lease) && seal_is_open(&lease->ledger->host, &record->changes[i]))
                        return true;
        return false;
}

static void tell(const Lease *lease)
{
        const LedgerObserver *observer = &lease->ledger->observer;

        if (observer->lease)
                observer->lease(CHANGE_CHANGED, lease->record->id, observer->userdata);
}

/* Looks at the guard. Slots to be sealed go on record. Returns 0 or -errno, with nothing on record. */
static int look(Lease *lease, bool may_plan)
{
        LeaseRecord *record = lease->record;
        size_t n_before = record->n_changes;

        int r = guard_facts_look(lease, controller_gate_holds(lease->ledger),
                                 may_plan ? record_port : NULL);
        if (r == 0 && record->n_changes > n_before)
                r = lease_state_save(lease->ledger->state_directory, record);
        if (r < 0)
                /* What is not on record is not done. */
                lease_record_drop_changes(record, n_before);
        return r;
}

/* Somebody may have taken joiners' overrides off while the kernel refused all drivers. */
static void block_again(LeaseRecord *record)
{
        for (size_t i = 0; i < record->n_devices; i++)
                record->devices[i].blocked = false;
}

void lease_review_guard(Lease *lease)
{
        LeaseRecord *record = lease->record;
        size_t n_before = record->n_changes;
        GuardLayer layer = lease_guard(lease);
        bool idle = !work_upkeep(lease) && lease_record_is_in_hand(record);

        int r = look(lease, idle && !claims_are_unknown(lease));
        if (r < 0) {
                log_error("lease %" PRIu32 ": looking after its guard failed: %s; trying again",
                          record->id, strerror(-r));
                return ledger_read_later(lease->ledger);
        }
        if (lease_guard(lease) < layer)
                block_again(record);
        if (lease_guard(lease) != layer)
                tell(lease);
        if (!idle)
                return;
        /* A guard that fails again and again does not keep joiners waiting. */
        if (guard_trouble(lease) && members_serve(lease))
                return;
        if (record->n_changes > n_before || take_unblocked(record) || has_open_seal(lease))
                start(lease, job_enforce, on_enforced);
        else if (first_seal(record) < record->n_changes && guard_facts_are_firm(lease))
                start(lease, job_unseal, on_unsealed);
        else
                (void)members_serve(lease);
}
