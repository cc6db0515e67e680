/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Gives a lease back. One worker does it at a time, and only when no other worker is at the lease.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "core/model/text.h"
#include "daemon/base/log.h"
#include "daemon/claims/claims.h"
#include "daemon/descriptors/descriptors.h"
#include "daemon/guard/enforce.h"
#include "daemon/guard/rules.h"
#include "daemon/holders/tracker.h"
#include "daemon/lease/halt.h"
#include "daemon/lease/steps.h"
#include "daemon/lifecycle/life_internal.h"
#include "daemon/limits/memlock.h"
#include "daemon/tell/audit.h"
#include "daemon/tell/publish.h"
#include "daemon/work/work.h"

/* The time limit for the service manager to close the fds that it kept. */
#define STORE_BARRIER_USEC (5 * 1000000ULL)
/* The time for a dying owner to close its fds, before the daemon makes the kernel request them. */
#define OWNER_EXIT_SECONDS 2

static int job_restore(const void *context, VfioFds *fds, char **ret_message)
{
        const Lease *lease = context;
        _cleanup_(lease_clean_clear) Cleaning cleaning = {
                .snapshot =
                        lease->record->condition.handed_out ? lease->ledger->world->snapshot : NULL,
        };
        const HostPaths *host = &lease->ledger->host;
        _cleanup_(freep) char *halted = NULL;
        int32_t groups[LEASE_GROUPS_MAX];

        memlock_set(lease, false);
        /*
         * Stop devices first, so that a process that keeps one open cannot go on using it while the
         * kernel waits. Cleaning reports a device whose bus mastering stays on.
         */
        if (lease->record->condition.handed_out)
                (void)lease_halt(host, lease->record, fds, &halted);
        /*
         * Closing the last copy may reset the device. Let that happen here, not in the service
         * manager.
         */
        (void)sd_notify_barrier(0, STORE_BARRIER_USEC);
        vfio_fds_close(fds);
        for (size_t i = 0; i < lease->record->n_groups; i++)
                groups[i] = lease->record->groups[i].number;
        vfio_await_closed(host, groups, lease->record->n_groups,
                          OWNER_EXIT_SECONDS);
        /* Open slots last: cards that wait in them appear, and get their own drivers. */
        int r = lease_steps_restore(host, lease->record, &cleaning, ret_message);
        if (r == 0)
                r = guard_undo(host, lease->record, 0, ret_message);
        if (r == 0)
                *ret_message = TAKE_PTR(cleaning.report);
        return r;
}

/* Adds to the report, as a second worker sees only what the first one left. */
static void note_resets(Lease *lease, const char *report)
{
        LeaseLife *life = life_of(lease);

        if (!report || !report[0])
                return;
        for (const char *line = report; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                int n = (int)strcspn(line, "\n"), n_address = (int)strcspn(line, " ");
                bool is_reset = strncmp(line + n_address, " not ", strlen(" not ")) != 0;

                log_info("lease %" PRIu32 ": %.*s%s%.*s", lease->record->id, n_address, line,
                         is_reset ? " reset:" : "", n - n_address, line + n_address);
        }
        if (!text_set(&life->report, text_print("%s%s", life->report ? life->report : "", report)))
                log_broken(-ENOMEM);
}

/* Writes the end of the lease. A lease that no owner has had gets only a log line. */
static void report_end(const Lease *lease)
{
        const LeaseRecord *record = lease->record;

        if (!record->condition.handed_out)
                log_info("lease %" PRIu32 ": given back", record->id);
        else
                audit_lease(record->condition.trouble ? AUDIT_REPAIRED : AUDIT_GIVEN_BACK, lease,
                            ": given back");
}

static void on_done(Lease *lease, WorkerResult *result, bool is_ending)
{
        const LeaseLife *life = life_of(lease);
        Ledger *ledger = lease->ledger;
        _cleanup_(freep) char *message = strdup(result->message ? result->message : "");

        life_end_wait(lease);
        publish_pause(ledger); /* until the lease has its new state, or is gone */
        ledger_read_again(ledger);
        publish_resume(ledger);
        if (result->code != 0) {
                const char *trouble = message && message[0] ? message
                                      : result->code < 0    ? strerror(-result->code)
                                                            : "the kernel refused";
                return life_raise_code(lease, LIFE_RESTORE_FAILED, REFUSAL_QUARANTINED, trouble);
        }
        note_resets(lease, message);
        life_raise(lease, life->n_joined != life->n_restoring ? LIFE_JOINED : LIFE_RESTORED, NULL);
}

static void on_overdue(Lease *lease)
{
        life_raise(lease, LIFE_RESTORE_LATE, NULL);
}

static void on_clear(Lease *lease)
{
        life_raise(lease, LIFE_CLEAR, NULL);
}

static void on_clear_late(Lease *lease, const char *name)
{
        char text[160];

        (void)snprintf(text, sizeof(text),
                       "%s hangs in the kernel; see the kernel log; the groups are given back "
                       "when it has ended",
                       name);
        life_raise_code(lease, LIFE_RESTORE_LATE, REFUSAL_STUCK, text);
}

/*
 * Waits for the worker of the upkeep: two workers at one device would undo each other's work. The
 * record has all that it did.
 */
static void await_upkeep(Lease *lease)
{
        static const WorkSequel sequel = {.run = on_clear, .late = on_clear_late};

        work_end_upkeep(lease, &sequel);
        life_expect_end(lease, lease->ledger->times.stuck);
        (void)ledger_set_state(lease, LEASE_RELEASING);
        life_raise(lease, LIFE_BLOCKED, NULL);
}

/* Ends all further use of the lease. Returns 0, a Refusal with *ret_message, or -errno. */
static int shut(Lease *lease, char **ret_message)
{
        LeaseLife *life = life_of(lease);

        life_end_wait(lease);
        if (life->grace)
                (void)event_del(life->grace);
        module_report(lease->ledger, EVENT_RESTORING, lease, NULL);
        lease->record->condition.in_hand = false;
        work_after_upkeep(lease, NULL);
        /* Set this first, so that the next daemon continues to give it back. */
        (void)ledger_set_state(lease, LEASE_RELEASING);
        int r = claims_revoke_nodes(lease, ret_message);
        if (r != 0)
                return r;
        claims_forget(lease);
        /* Remove the rules: they must not block devices again whose overrides are restored. */
        if (rules_remove(RULES_DIRECTORY, lease->record->id) < 0)
                log_error("lease %" PRIu32 ": its udev rules cannot be removed", lease->record->id);
        life->n_restoring = life->n_joined;
        descriptors_forget_owner(lease);
        holders_note_nodes(lease);
        fdstore_remove(lease->record);
        return 0;
}

static void start(Lease *lease)
{
        const LeaseJob job = {
                .name = "the worker that gives it back",
                .run = job_restore,
                .fds = descriptors_of(lease),
                .deadline = lease->ledger->times.worker,
                .done = on_done,
                .overdue = on_overdue,
        };
        _cleanup_(freep) char *message = NULL;

        int r = shut(lease, &message);
        if (r != 0)
                return life_raise_code(lease, LIFE_RESTORE_FAILED, REFUSAL_QUARANTINED,
                                       message ? message : strerror(-r));
        r = work_start_transition(lease, &job);
        if (r < 0)
                return life_raise_code(lease, LIFE_RESTORE_FAILED, r,
                                       "no worker process could be started; release it again");
        vfio_fds_close(descriptors_of(lease));
}

bool life_restore(Lease *lease, const LifeNews *news)
{
        if (work_upkeep(lease))
                await_upkeep(lease);
        else
                start(lease);
        return false;
}

bool life_finish(Lease *lease, const LifeNews *news)
{
        LeaseLife *life = life_of(lease);
        LeaseDone done = life->done, revoke_done = life->revoke_done;
        void *done_userdata = life->done_userdata, *revoke_userdata = life->revoke_userdata;
        _cleanup_(freep) char *report = TAKE_PTR(life->report);
        const LeaseAnswer answer = {.code = 0, .message = "", .report = report};

        report_end(lease);
        life_drop(lease);
        if (revoke_done)
                revoke_done(&answer, NULL, revoke_userdata);
        if (done)
                done(&answer, NULL, done_userdata);
        return false;
}
