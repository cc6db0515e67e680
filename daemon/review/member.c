/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Joiners: the owner takes one, or an administrator or the policy has one expelled from the
 * machine.
 *
 * A lease works on one joiner at a time, with the worker of its guard: two workers at one device
 * would undo each other's work. A request waits until that worker is idle. Whatever has to be
 * undone later is on record before the worker starts.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/model/strength.h"
#include "daemon/base/log.h"
#include "daemon/descriptors/descriptors.h"
#include "daemon/guard/expel.h"
#include "daemon/host/block.h"
#include "daemon/host/critical.h"
#include "daemon/host/driver.h"
#include "daemon/lease/clean.h"
#include "daemon/lease/drivers.h"
#include "daemon/lease/joiner.h"
#include "daemon/lease/state.h"
#include "daemon/machine/revision.h"
#include "daemon/review/review_internal.h"
#include "daemon/work/work.h"

typedef struct MemberTask {
        MemberWork work;
        Bdf bdf;
        MemberDone done;
        void *userdata;
} MemberTask;

typedef struct LeaseMembers {
        MemberTask *task; /* waiting, or being done by the worker; or NULL */
} LeaseMembers;

/* Calls `done`; `fds` may be NULL. */
static void answer(MemberDone done, void *userdata, int code, const char *message,
                   const VfioFds *fds)
{
        static const VfioFds none = {.n_items = 0};
        const LeaseAnswer reply = {.code = code, .message = message ? message : ""};

        if (done)
                done(&reply, fds ? fds : &none, userdata);
}

/* Takes over the task, answers its requester, and frees it. */
static void end_task(MemberTask *task, int code, const char *message, const VfioFds *fds)
{
        answer(task->done, task->userdata, code, message, fds);
        free(task);
}

static void clear(void *part)
{
        free(((LeaseMembers *)part)->task);
}

/* Answers the requester of a task that will not be done any more. */
static void handle(Ledger *ledger, const Event *event)
{
        if (event->kind != EVENT_RESTORING)
                return;
        LeaseMembers *own = module_part(event->lease, &members_module);
        if (own->task)
                end_task(TAKE_PTR(own->task), REFUSAL_CHANGED, "the lease is being given back",
                         NULL);
}

const Module members_module = {
        .name = "members",
        .lease_size = sizeof(LeaseMembers),
        .lease_clear = clear,
        .handle = handle,
};

DEFINE_LEASE_PART(LeaseMembers, of, members_module);

bool members_are_asked(const Lease *lease)
{
        return of(lease)->task;
}

/* --- reasons to refuse ------------------------------------------------------------------------ */

static const char *why_not_joiner(const LeaseDevice *device)
{
        if (!device)
                return "it does not belong to this lease";
        if (device->lost)
                return "it is gone from the machine";
        if (device->role == LEASE_ROLE_TAKEN)
                return "its owner has it already";
        return "it is a bridge, and bridges are never handed out";
}

/* Returns 0 and the joiner, or a Refusal with *ret_message. */
static int find_joiner(const Lease *lease, Bdf bdf, LeaseDevice **ret_device,
                       const PciDevice **ret_pci, char **ret_message)
{
        const Snapshot *snapshot = lease->ledger->world->snapshot;
        LeaseDevice *device = lease_record_find(lease->record, bdf);
        size_t index = snapshot_find(snapshot, bdf);
        char text[BDF_TEXT_SIZE];

        (void)bdf_format(bdf, text);
        if (!device || device->lost || device->role != LEASE_ROLE_JOINER || index == SNAPSHOT_NONE)
                return host_refuse(!device        ? REFUSAL_NOT_FOUND
                                   : device->lost ? REFUSAL_CHANGED
                                                  : REFUSAL_INVALID,
                                   ret_message,
                                   "%s: %s; isoctl leases lists the devices that are held", text,
                                   why_not_joiner(device));
        if (lease->record->state != LEASE_LEASED || work_is_ending(lease))
                return host_refuse(REFUSAL_BUSY, ret_message,
                                   "lease %" PRIu32 " is being prepared or given back",
                                   lease->record->id);
        *ret_device = device;
        *ret_pci = &snapshot->devices[index];
        return 0;
}

static int check_take(const Lease *lease, const PciDevice *pci, const PolicyRequest *who,
                      char **ret_message)
{
        const Ledger *ledger = lease->ledger;
        size_t index = (size_t)(pci - ledger->world->snapshot->devices);
        PolicyRequest asked = *who;
        char text[BDF_TEXT_SIZE];

        (void)bdf_format(pci->bdf, text);
        asked.mode = lease->record->mode;
        const PolicySubject subject = world_subject(ledger->world, index);
        PolicyVerdict verdict = policy_check(ledger->policy, &subject, &asked);
        if (!verdict.allowed)
                return host_refuse(REFUSAL_POLICY_DENIED, ret_message, "%s: %s%s %s", text,
                                   verdict.rule ? "policy rule " : "",
                                   verdict.rule ? verdict.rule->origin
                                                : "no policy rule matches it, so only root",
                                   verdict.rule ? "does not let you have it" : "may have it");
        if (pci->sysfs.driver[0])
                return host_refuse(driver_is_harmless(pci->sysfs.driver) ? REFUSAL_BUSY
                                                                         : REFUSAL_NOT_VIABLE,
                                   ret_message, "%s is bound to %s%s", text, pci->sysfs.driver,
                                   driver_is_harmless(pci->sysfs.driver)
                                           ? ", but not by isolationd; unbind it first"
                                           : ", which isolationd is unbinding; try again later");
        return 0;
}

static int check_expel(const PciDevice *pci, char **ret_message)
{
        char text[BDF_TEXT_SIZE];

        if (!pci->place.is_vf)
                return 0;
        return host_refuse(REFUSAL_NOT_VIABLE, ret_message,
                           "%s is a virtual function, which a rescan does not bring back; write 0 "
                           "to sriov_numvfs of its physical function instead",
                           bdf_format(pci->bdf, text));
}

/* --- the work --------------------------------------------------------------------------------- */

static int job_take(const void *context, VfioFds *fds, char **ret_message)
{
        const Lease *lease = context;
        const HostPaths *host = &lease->ledger->host;
        const LeaseDevice *device = lease_record_find(lease->record, of(lease)->task->bdf);
        const VfioFds held = *fds;

        fds->n_items = 0; /* the daemon has these; the worker sends only new ones */
        int r = critical_check(host, device->bdf, ret_message);
        return r != 0 ? r : joiner_take(host, lease->record, device, &held, fds, ret_message);
}

static int job_expel(const void *context, VfioFds *fds, char **ret_message)
{
        const Lease *lease = context;
        const HostPaths *host = &lease->ledger->host;

        int r = critical_check(host, of(lease)->task->bdf, ret_message);
        return r != 0 ? r : expel_device(host, of(lease)->task->bdf, ret_message);
}

/*
 * The joiner is bound and claimed, and is now a member like the first ones. If that cannot be
 * recorded, the record still says that it is being taken, and the daemon keeps no copy of its
 * descriptors that would hinder the undo. Returns 0, a Refusal or -errno, with *ret_message.
 */
static int settle_taken(Lease *lease, LeaseDevice *device, const VfioFds *fds,
                        const char **ret_message)
{
        const Ledger *ledger = lease->ledger;
        size_t index = snapshot_find(ledger->world->snapshot, device->bdf);
        const LeaseDevice joiner = *device;
        VfioFds former;

        *ret_message = "it is gone from the machine";
        if (device->lost)
                return REFUSAL_CHANGED;
        *ret_message = "its owner has lost the lease; isoctl leases shows why";
        if (lease->record->state != LEASE_LEASED)
                return REFUSAL_CHANGED;
        *ret_message = "it could not be put on record, so it stays held; see the log of the daemon";
        int r = descriptors_keep(lease, fds, &former);
        if (r < 0)
                return r;
        device->role = LEASE_ROLE_TAKEN;
        device->joined |= !device->owed;
        device->taking = device->returned = device->joiner.blocked = device->owed = false;
        if (index != SNAPSHOT_NONE)
                device->fingerprint =
                        world_fingerprint(&ledger->host, &ledger->world->snapshot->devices[index]);
        r = ledger_save_lease(lease);
        if (r < 0)
                *device = joiner;
        descriptors_settle(lease, &former, r == 0);
        return r;
}

/*
 * Ends the task after its worker. Reads the machine before answering, so that the requester sees
 * the new state of the device.
 */
static void finish(Lease *lease, bool is_ending, int code, const char *message, const VfioFds *fds)
{
        MemberTask *task = TAKE_PTR(of(lease)->task);

        if (is_ending)
                return end_task(task, REFUSAL_CHANGED, "the lease is being given back", NULL);
        ledger_read_again(lease->ledger);
        end_task(task, code, message, fds);
}

static void on_taken(Lease *lease, WorkerResult *result, bool is_ending)
{
        LeaseDevice *device = lease_record_find(lease->record, of(lease)->task->bdf);
        const char *message = result->message;
        char text[BDF_TEXT_SIZE];
        int code = result->code;

        if (code == 0 && !is_ending) {
                code = settle_taken(lease, device, result->fds, &message);
        } else if (code != 0 && code != REFUSAL_QUARANTINED && code != REFUSAL_STUCK) {
                /* The joiner stays held. The guard's worker restores whatever state it is in. */
                device->taking = false;
                (void)ledger_save_lease(lease);
        }
        if (code == REFUSAL_QUARANTINED)
                code = REFUSAL_KERNEL_REFUSED; /* this is about the joiner, not the lease */
        if (device->taking)
                device->joiner.blocked = false;
        if (code == 0)
                log_info("lease %" PRIu32 ": its owner has taken %s", lease->record->id,
                         bdf_format(device->bdf, text));
        else
                log_notice("lease %" PRIu32 ": %s was not taken: %s", lease->record->id,
                           bdf_format(device->bdf, text), message);
        finish(lease, is_ending, code, message, code == 0 ? result->fds : NULL);
}

static void on_expelled(Lease *lease, WorkerResult *result, bool is_ending)
{
        LeaseDevice *device = lease_record_find(lease->record, of(lease)->task->bdf);
        char text[BDF_TEXT_SIZE];

        if (result->code == 0)
                log_notice("lease %" PRIu32 ": %s is expelled until the lease ends",
                           lease->record->id, bdf_format(device->bdf, text));
        else
                log_warning("lease %" PRIu32 ": %s could not be expelled: %s", lease->record->id,
                            bdf_format(device->bdf, text),
                            result->code < 0 ? strerror(-result->code) : result->message);
        device->joiner.stays |= result->code != 0;
        finish(lease, is_ending, result->code, result->message, NULL);
}

static void on_overdue(Lease *lease)
{
        MemberTask *task = of(lease)->task;

        log_error("lease %" PRIu32 ": a worker has waited for one of its devices for more "
                  "than %d s; the task is given up; see the kernel log",
                  lease->record->id, WORKER_DEADLINE_SECONDS);
        worker_kill(work_upkeep(lease));
        answer(task->done, task->userdata, REFUSAL_STUCK,
               "the kernel has not finished with the device; see the kernel log", NULL);
        task->done = NULL;
}

/*
 * Notes the present driver and override of the joiner. For a device that is to be restored, the
 * record of its state before the lease stays.
 */
static int note_before(const Lease *lease, LeaseDevice *device)
{
        const HostPaths *host = &lease->ledger->host;
        _cleanup_(freep) char *override = NULL;

        if (device->owed)
                return 0;
        int r = driver_override_read(host, device->bdf, &override);
        if (r < 0)
                return r;
        if (strcmp(override, BLOCK_OVERRIDE) == 0)
                override[0] = '\0'; /* the override is ours: there was none before */
        free(device->before.override);
        device->before.override = TAKE_PTR(override);
        r = lease_drivers_choose_loaded(host, device);
        lease_clean_note_device(host, device);
        return r;
}

/* Puts on record what the task will change. Returns 0, a Refusal or -errno. */
static int record_task(Lease *lease, const MemberTask *task, LeaseDevice *device,
                       const PciDevice *pci)
{
        char place[EXPEL_PLACE_SIZE];
        int r = 0;

        if (task->work == MEMBER_EXPEL) {
                r = lease_record_put_change_first(lease->record, LEASE_CHANGE_EXPEL,
                                                  expel_place(pci, place));
        } else {
                r = note_before(lease, device);
                device->taking = true;
        }
        return r < 0 ? r : lease_state_save(lease->ledger->state_directory, lease->record);
}

/* Starts the worker of the task. Returns 0, or a Refusal or -errno with nothing changed. */
static int begin(Lease *lease, char **ret_message)
{
        MemberTask *task = of(lease)->task;
        const LeaseJob job = {
                .name = "the worker of a joiner",
                .run = task->work == MEMBER_TAKE ? job_take : job_expel,
                .fds = descriptors_of(lease),
                .deadline = WORKER_DEADLINE_SECONDS,
                .done = task->work == MEMBER_TAKE ? on_taken : on_expelled,
                .overdue = on_overdue,
        };
        const PciDevice *pci;
        LeaseDevice *device;

        /* The task has waited, so check again in the present reading. */
        int r = find_joiner(lease, task->bdf, &device, &pci, ret_message);
        if (r != 0)
                return r;
        r = record_task(lease, task, device, pci);
        if (r == 0)
                r = work_start_upkeep(lease, &job);
        if (r != 0)
                device->taking = false;
        return r;
}

static void put_task(Lease *lease, MemberWork work, Bdf bdf, MemberDone done, void *userdata)
{
        MemberTask *task = calloc(1, sizeof(*task));

        if (!task)
                return answer(done, userdata, -ENOMEM, NULL, NULL);
        *task = (MemberTask){.work = work, .bdf = bdf, .done = done, .userdata = userdata};
        of(lease)->task = task;
}

/* Asks to expel a joiner if the policy says so. Cards that have returned belong to their owner. */
static void apply_policy(Lease *lease)
{
        const LeaseRecord *record = lease->record;

        for (size_t i = 0; record->terms.on_join == POLICY_JOIN_EXPEL && i < record->n_devices;
             i++) {
                LeaseDevice *device = &record->devices[i];
                size_t index = snapshot_find(lease->ledger->world->snapshot, device->bdf);

                if (device->role != LEASE_ROLE_JOINER || device->lost || !device->joiner.blocked ||
                    device->returned || device->joiner.stays || index == SNAPSHOT_NONE ||
                    lease->ledger->world->snapshot->devices[index].place.is_vf)
                        continue;
                return put_task(lease, MEMBER_EXPEL, device->bdf, NULL, NULL);
        }
}

bool members_serve(Lease *lease)
{
        _cleanup_(freep) char *message = NULL;

        if (!of(lease)->task)
                apply_policy(lease);
        if (!of(lease)->task)
                return false;
        int r = begin(lease, &message);
        if (r == 0)
                return true;
        if (r < 0)
                log_broken(r);
        end_task(TAKE_PTR(of(lease)->task), r, message, NULL);
        return false;
}

/* --- requests --------------------------------------------------------------------------------- */

void members_ask(Lease *lease, MemberWork work, Bdf bdf, const PolicyRequest *who, MemberDone done,
                 void *userdata)
{
        _cleanup_(freep) char *message = NULL;
        const PciDevice *pci = NULL;
        LeaseDevice *device = NULL;

        int r = find_joiner(lease, bdf, &device, &pci, &message);
        if (r == 0)
                r = work == MEMBER_TAKE ? check_take(lease, pci, who, &message)
                                        : check_expel(pci, &message);
        if (r == 0 && of(lease)->task)
                r = host_refuse(REFUSAL_BUSY, &message,
                                "another device of lease %" PRIu32
                                " is being taken or expelled; wait for that to end",
                                lease->record->id);
        if (r != 0)
                return answer(done, userdata, r, message, NULL);
        device->joiner.stays |= work == MEMBER_TAKE;
        put_task(lease, work, bdf, done, userdata);
}
