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

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/guard/enforce.h"
#include "daemon/guard/seal.h"
#include "daemon/guard/slot.h"
#include "daemon/lease/state.h"
#include "daemon/lease/steps.h"
#include "daemon/base/log.h"
#include "daemon/lifecycle/revoke.h"

/* Longest text kept of what failed. */
#define TROUBLE_SIZE 512

bool guard_is_owned(const Lease *lease, int32_t number)
{
        const Snapshot *snapshot = lease->ledger->world->snapshot;

        /* Our own copies of the claim's fds, and a device that VFIO drives for them. */
        if (lease->fds.n_items == 0)
                return false;
        for (size_t i = 0; i < lease->record->n_devices; i++) {
                const LeaseDevice *device = &lease->record->devices[i];
                size_t index = snapshot_find(snapshot, device->bdf);

                if (device->role == LEASE_ROLE_TAKEN && !device->lost && index != SNAPSHOT_NONE &&
                    snapshot->devices[index].kernel_group == number &&
                    strcmp(snapshot->devices[index].driver, device->driver) == 0)
                        return claims_cover(lease, number);
        }
        return false;
}

/* Puts a port's slot on the list of what is to be sealed, if pciehp serves it. Returns 0 or -errno.
 */
static int plan_seal(const HostPaths *host, LeaseRecord *record, Bdf port)
{
        _cleanup_(freep) char *service = NULL;

        int r = seal_find_slot(host, port, &service);
        if (r < 0 || !service || lease_record_has_change(record, LEASE_CHANGE_SEAL, service))
                return r;
        return lease_record_add_change(record, LEASE_CHANGE_SEAL, service);
}

int seal_record_slots(const Ledger *ledger, LeaseRecord *record)
{
        const Snapshot *snapshot = ledger->world->snapshot;
        int r = 0;

        for (size_t i = 0; r == 0 && !lease_mode_claims(record->mode) && i < record->n_groups;
             i++) {
                _cleanup_(freep) size_t *ports = NULL;
                size_t n = 0;

                r = guard_find_ports(snapshot, record->groups[i].number, &ports, &n);
                for (size_t k = 0; r == 0 && k < n; k++)
                        r = plan_seal(&ledger->host, record, snapshot->devices[ports[k]].bdf);
        }
        return r;
}

/* Looks at one group; with `plan`, slots that should be sealed go on record. Returns 0 or -errno.
 */
static int look_at_group(Lease *lease, int32_t number, bool plan, GuardFacts *ret_facts)
{
        const Snapshot *snapshot = lease->ledger->world->snapshot;
        GuardFacts facts = {
                .assigned = lease_record_is_in_hand(lease->record),
                .owned = guard_is_owned(lease, number),
                .lent = claims_may_end(lease),
        };
        _cleanup_(freep) size_t *ports = NULL;
        int r = 0;

        /* While the kernel guards for us, nobody asks for the gate and the ports. */
        if (facts.assigned && !guard_is_firm(&facts)) {
                facts.gated = controller_gate_holds(lease->ledger->controller);
                r = guard_find_ports(snapshot, number, &ports, &facts.n_ports);
        }
        if (r == 0 && facts.n_ports > 0)
                r = slot_survey(&lease->ledger->host, snapshot, ports, facts.n_ports, &facts,
                                NULL);
        for (size_t i = 0; r == 0 && plan && guard_needs_seal(&facts) && i < facts.n_ports; i++)
                r = plan_seal(&lease->ledger->host, lease->record,
                              snapshot->devices[ports[i]].bdf);
        *ret_facts = facts;
        return r;
}

static int look(Lease *lease, bool plan)
{
        LeaseRecord *record = lease->record;

        if (!lease->guards)
                lease->guards = calloc(record->n_groups + 1, sizeof(*lease->guards));
        if (!lease->guards)
                return -ENOMEM;
        for (size_t i = 0; i < record->n_groups; i++) {
                int r = look_at_group(lease, record->groups[i].number, plan, &lease->guards[i]);
                if (r < 0)
                        return r;
        }
        return 0;
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
        if (!lease->guard_trouble || strcmp(lease->guard_trouble, text) != 0) {
                log_error("lease %" PRIu32 ": guarding failed: %s; trying again", lease->record->id,
                          text);
                free(lease->guard_trouble);
                lease->guard_trouble = strdup(text);
        }
        ledger_read_later(lease->ledger);
}

bool guard_end_worker(Lease *lease)
{
        lease->guard_worker = NULL;
        if (!lease->restore_waits) {
                if (lease->halt_waits)
                        lease_begin_halt(lease);
                return false;
        }
        lease->restore_waits = false;
        lease_begin_restore(lease, lease->done, lease->done_userdata);
        return true;
}

/* Returns whether a restore has waited for this worker and goes on now. */
static bool end_worker(Lease *lease, const WorkerResult *result)
{
        if (guard_end_worker(lease))
                return true;
        if (result->code != 0) {
                char text[TROUBLE_SIZE];

                describe_trouble(result, text, sizeof(text));
                note_trouble(lease, text);
        } else {
                free(TAKE_PTR(lease->guard_trouble));
                ledger_read_soon(lease->ledger);
        }
        return false;
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
                (void)ledger_set_state(lease, lease->record->state);
        return message;
}

static void on_enforced(WorkerResult *result, void *userdata)
{
        Lease *lease = userdata;
        bool untaken = false;

        for (size_t i = 0; i < lease->record->n_devices; i++) {
                LeaseDevice *device = &lease->record->devices[i];

                device->blocked |= device->blocking && result->code == 0;
                device->blocking = false;
                untaken |= device->blocked && device->taking;
                device->taking &= !device->blocked;
        }
        if (untaken)
                (void)ledger_set_state(lease, lease->record->state);
        result->message = take_evicted(lease, result->message);
        if (!end_worker(lease, result) && result->code == 0 && lease->record->breach &&
            lease->record->state == LEASE_LEASED)
                /* The host driver is out. What else follows is for the policy to say. */
                lease_react(lease, lease->record->on_breach, lease->record->breach);
}

static void on_unsealed(WorkerResult *result, void *userdata)
{
        Lease *lease = userdata;

        if (end_worker(lease, result) || result->code != 0)
                return;
        lease_record_drop_changes(lease->record, first_seal(lease->record));
        (void)ledger_set_state(lease, lease->record->state);
}

static void on_overdue(void *userdata)
{
        Lease *lease = userdata;

        log_error("lease %" PRIu32 ": guarding its groups takes longer than %d s; "
                  "the kernel log says more",
                  lease->record->id, WORKER_DEADLINE_SECONDS);
        if (lease->restore_waits)
                lease_restore_is_late(lease, "the guard's worker hangs in the kernel, whose log says "
                                       "more; the groups are given back when it lets go");
}

void guard_start_worker(Lease *lease, WorkerJob job, const VfioFds *fds,
                                void (*done)(WorkerResult *, void *))
{
        const WorkerHandler handler = {.done = done, .overdue = on_overdue, .userdata = lease};

        int r = worker_start(lease->ledger->base, job, lease, fds,
                             WORKER_DEADLINE_SECONDS, &handler, &lease->guard_worker);
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

/* Whether the kernel guards all groups until we let go. */
static bool is_firm(const Lease *lease)
{
        for (size_t i = 0; lease->guards && i < lease->record->n_groups; i++)
                if (!guard_is_firm(&lease->guards[i]))
                        return false;
        return lease->guards;
}

/* A seal that could not be made, or that somebody has broken. */
static bool has_open_seal(const Lease *lease)
{
        const LeaseRecord *record = lease->record;

        for (size_t i = 0; i < record->n_changes; i++)
                if (!is_firm(lease) && seal_is_open(&lease->ledger->host, &record->changes[i]))
                        return true;
        return false;
}

static void tell(const Lease *lease)
{
        const LedgerObserver *observer = &lease->ledger->observer;

        if (observer->lease)
                observer->lease(CHANGE_CHANGED, lease->record->id, observer->userdata);
}

void lease_review_guard(Lease *lease)
{
        LeaseRecord *record = lease->record;
        size_t n_before = record->n_changes;
        GuardLayer layer = lease_guard(lease);
        bool idle = !lease->guard_worker && lease_record_is_in_hand(record);

        int r = look(lease, idle && !claims_are_unknown(lease));
        if (r == 0 && record->n_changes > n_before)
                r = lease_state_save(lease->ledger->state_directory, record);
        if (r < 0) {
                /* What is not on record is not done. */
                lease_record_drop_changes(record, n_before);
                log_error("lease %" PRIu32 ": looking after its guard failed: %s; trying again",
                          record->id, strerror(-r));
                return ledger_read_later(lease->ledger);
        }
        if (lease_guard(lease) < layer)
                /* Somebody may have taken their overrides off while the kernel refused. */
                for (size_t i = 0; i < record->n_devices; i++)
                        record->devices[i].blocked = false;
        if (lease_guard(lease) != layer)
                tell(lease);
        if (record->state == LEASE_LEASED)
                lease->guard_held = lease_guard(lease);
        if (!idle)
                return;
        /* What fails again and again keeps nobody waiting. */
        if (lease->guard_trouble && members_serve(lease))
                return;
        if (record->n_changes > n_before || take_unblocked(record) || has_open_seal(lease))
                guard_start_worker(lease, job_enforce, NULL, on_enforced);
        else if (first_seal(record) < record->n_changes && is_firm(lease))
                guard_start_worker(lease, job_unseal, NULL, on_unsealed);
        else
                (void)members_serve(lease);
}
