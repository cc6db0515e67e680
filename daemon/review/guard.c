/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The guard of a lease, from one reading to the next: which layer holds, what has to be done, and
 * the worker that does it.
 *
 * While the kernel owns a group for the daemon, the daemon changes nothing on the host for it,
 * except that joiners get an override that outlives the daemon. That ownership ends when VFIO
 * drives none of its devices any more, though the lease goes on: then the slots of the group are
 * sealed. They are sealed too if the owner claims the group.
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

/* The longest text that is kept of a failure. */
#define TROUBLE_SIZE 512

/*
 * Puts on record that the slot of a port is to be sealed, if it leads into a group that is not
 * owned.
 */
static int record_port(Lease *lease, Bdf port)
{
        return seal_record_slot(&lease->ledger->host, lease->record, port);
}

/* --- the worker ------------------------------------------------------------------------------- */

static int job_enforce(const void *context, VfioFds *fds, char **ret_message)
{
        const Lease *lease = context;

        return guard_enforce(&lease->ledger->host, lease->record, ret_message);
}

/*
 * The index of the first change for the guard alone. The changes before it last as long as the
 * lease.
 */
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

/* Describes why a worker failed. */
static void describe_trouble(const WorkerResult *result, char *text, size_t n_text)
{
        if (result->message && result->message[0])
                (void)snprintf(text, n_text, "%s", result->message);
        else
                (void)snprintf(text, n_text, "the worker ended with %d", result->code);
}

/* Logs a failure once, and arranges a retry. */
static void note_trouble(Lease *lease, const char *text)
{
        if (guard_set_trouble(lease, text))
                log_error("lease %" PRIu32 ": the guard could not be set up: %s; "
                          "retrying",
                          lease->record->id, text);
        ledger_read_later(lease->ledger);
}

/* Notes the result of the worker. */
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

/*
 * Notes a host driver that was bound and unbound between two readings. Drivers that a reading saw
 * are on record already.
 */
static void note_evicted(Lease *lease, const char *address, const char *driver)
{
        LeaseDevice *device;
        Bdf bdf;

        device = bdf_parse(address, &bdf) ? lease_record_find(lease->record, bdf) : NULL;
        if (!device)
                return;
        if (!device->joiner.breached && lease_note_breach(lease, device, driver) < 0)
                log_broken(-ENOMEM);
        device->joiner.breached = false; /* the driver is unbound; another one is another breach */
}

/* Handles and skips the lines about evicted drivers at the start of a worker's message. */
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

                device->joiner.blocked |= device->joiner.blocking && result->code == 0;
                device->joiner.blocking = false;
                untaken |= device->joiner.blocked && device->taking;
                device->taking &= !device->joiner.blocked;
        }
        if (untaken)
                (void)ledger_save_lease(lease);
        result->message = take_evicted(lease, result->message);
        if (is_ending)
                return;
        end_work(lease, result);
        if (result->code == 0 && lease->record->condition.breach &&
            lease->record->state == LEASE_LEASED)
                /* The host driver is unbound. The policy decides what follows. */
                module_report(lease->ledger, EVENT_BREACHED, lease,
                              lease->record->condition.breach);
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
        log_error("lease %" PRIu32 ": setting up the guard has taken more than %d s; "
                  "see the kernel log",
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

/* Whether there are joiners that are not blocked yet. Marks them as being blocked. */
static bool mark_unblocked(LeaseRecord *record)
{
        bool any = false;

        for (size_t i = 0; i < record->n_devices; i++) {
                LeaseDevice *device = &record->devices[i];

                if (device->role == LEASE_ROLE_JOINER && !device->lost && !device->joiner.blocked)
                        any = device->joiner.blocking = true;
        }
        return any;
}

/* Whether a seal could not be made, or somebody has opened it. */
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

/*
 * Finds what the guard needs, and puts slots to be sealed on record. Returns 0 or -errno, with
 * nothing on record.
 */
static int look(Lease *lease, bool may_plan)
{
        LeaseRecord *record = lease->record;
        size_t n_before = record->n_changes;

        int r = guard_facts_look(lease, controller_gate_holds(lease->ledger),
                                 may_plan ? record_port : NULL);
        if (r == 0 && record->n_changes > n_before)
                r = lease_state_save(lease->ledger->state_directory, record);
        if (r < 0)
                /* A change that is not on record is not made. */
                lease_record_drop_changes(record, n_before);
        return r;
}

/*
 * Blocks all joiners again: somebody may have cleared their overrides while the kernel refused all
 * drivers.
 */
static void block_again(LeaseRecord *record)
{
        for (size_t i = 0; i < record->n_devices; i++)
                record->devices[i].joiner.blocked = false;
}

void lease_review_guard(Lease *lease)
{
        LeaseRecord *record = lease->record;
        size_t n_before = record->n_changes;
        GuardLayer layer = lease_guard(lease);
        bool idle = !work_upkeep(lease) && lease_record_is_in_hand(record);

        int r = look(lease, idle && !claims_are_unknown(lease));
        if (r < 0) {
                log_error("lease %" PRIu32 ": checking its guard failed: %s; retrying", record->id,
                          strerror(-r));
                return ledger_read_later(lease->ledger);
        }
        if (lease_guard(lease) < layer)
                block_again(record);
        if (lease_guard(lease) != layer)
                tell(lease);
        if (!idle)
                return;
        /* Joiners are served even if the guard fails again and again. */
        if (guard_trouble(lease) && members_serve(lease))
                return;
        if (record->n_changes > n_before || mark_unblocked(record) || has_open_seal(lease))
                start(lease, job_enforce, on_enforced);
        else if (first_seal(record) < record->n_changes && guard_facts_are_firm(lease))
                start(lease, job_unseal, on_unsealed);
        else
                (void)members_serve(lease);
}
