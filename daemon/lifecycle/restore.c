/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Giving back: releasing → gone, and what it is called while that takes: draining (the kernel waits
 * for somebody), stuck (for longer than anybody should need), quarantined (it failed).
 *
 * There is one worker at a lease at a time. It is never given up: whatever it hangs in, it goes on
 * when the kernel lets go, and until then nobody gets the groups, and everybody is told why.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <systemd/sd-daemon.h>

#include "daemon/tell/audit.h"
#include "daemon/guard/enforce.h"
#include "daemon/guard/rules.h"
#include "daemon/lease/halt.h"
#include "daemon/lease/steps.h"
#include "daemon/base/log.h"
#include "daemon/limits/memlock.h"

/* How long the service manager may take to let go of the fds it kept for us. */
#define STORE_BARRIER_USEC (5 * 1000000ULL)
/* How long a dying owner may take to close its fds before we ask the kernel to ask it. */
#define OWNER_EXIT_SECONDS 2

void lease_answer(Lease *lease, int code, const char *message)
{
        LeaseDone done = lease->done, revoke_done = lease->revoke_done;
        LeaseAnswer reply = {.code = code, .message = message ? message : ""};

        lease->done = lease->revoke_done = NULL;
        if (revoke_done)
                revoke_done(&reply, NULL, lease->revoke_userdata);
        if (done)
                done(&reply, code == 0 ? lease : NULL, lease->done_userdata);
}

/* --- what takes long -------------------------------------------------------------------------- */

const char *lease_trouble(const Lease *lease)
{
        if (lease->waiting)
                return lease->waiting;
        return lease->record->trouble ? lease->record->trouble : "";
}

static void set_waiting(Lease *lease, const char *text)
{
        free(lease->waiting);
        lease->waiting = strdup(text);
}

static void on_waited_for(Ledger *ledger, uint32_t id, const HoldersResult *result, void *userdata)
{
        _cleanup_(freep) char *names = holders_describe(result->holders);
        Lease *lease = ledger_find_lease(ledger, id);
        bool is_unseen = result->code == REFUSAL_UNSUPPORTED;
        char text[1024];

        if (!lease || !lease->worker)
                return;
        if (result->holders->n_items > 0)
                (void)snprintf(text, sizeof(text),
                               "group %s: the kernel waits for %s to close it; "
                               "it is given back when that is done, and "
                               "`isoctl revoke --kill %" PRIu32 "` ends them",
                               lease->record->groups[0].id, names ? names : "somebody", id);
        else
                (void)snprintf(text, sizeof(text),
                               "group %s: the kernel takes long%s%s%s; the kernel log may say more; "
                               "it is given back when the kernel lets go",
                               lease->record->groups[0].id,
                               result->code == 0 ? ", and no process has it open" : ": ",
                               is_unseen && lease->record->revoke_kill ? "nobody was killed, as "
                                                                       : "",
                               result->code == 0 ? "" : result->message);
        set_waiting(lease, text);
        log_warning("lease %" PRIu32 " is %s: %s", id, ledger_lease_state(lease), text);
        if (lease->record->state == LEASE_PREPARING)
                ledger_tell_lease(lease);
        else
                (void)ledger_set_state(lease, LEASE_DRAINING);
        lease_answer(lease, REFUSAL_STUCK, text);
}

static void on_stuck(evutil_socket_t fd, short what, void *userdata)
{
        Lease *lease = userdata;
        char text[160];

        if (!lease->worker && !lease->restore_waits && !lease->orphan_event)
                return;
        lease->stuck = true;
        if (lease->worker)
                return holders_ask_own(lease, false, on_waited_for, NULL);
        if (!lease->waiting) {
                (void)snprintf(text, sizeof(text),
                               "group %s: the guard's worker hangs in the kernel, whose log may "
                               "say more; it is given back when the kernel lets go",
                               lease->record->groups[0].id);
                set_waiting(lease, text);
        }
        log_warning("lease %" PRIu32 " is stuck: %s", lease->record->id,
                    lease_trouble(lease));
        ledger_tell_lease(lease);
        lease_answer(lease, REFUSAL_STUCK, lease_trouble(lease));
}

/* Puts on record which process hangs: a daemon that comes later must not start another. */
static void note_worker(Lease *lease)
{
        const Worker *worker = lease->worker ? lease->worker : lease->guard_worker;
        LeaseRecord *record = lease->record;

        if (!worker || record->worker_pid == (uint32_t)worker_pid(worker) ||
            !holder_read_start(&lease->ledger->host, worker_pid(worker), &record->worker_start))
                return;
        record->worker_pid = (uint32_t)worker_pid(worker);
        (void)ledger_set_state(lease, record->state);
}

static void on_orphan_gone(evutil_socket_t fd, short what, void *userdata)
{
        Lease *lease = userdata;

        event_free(TAKE_PTR(lease->orphan_event));
        closep(&lease->orphan_fd);
        lease->orphan_fd = -1;
        log_notice("lease %" PRIu32 ": the kernel has let go of it", lease->record->id);
        lease_begin_restore(lease, lease->done, lease->done_userdata);
}

bool lease_await_former_worker(Lease *lease)
{
        const LeaseRecord *record = lease->record;
        uint64_t start = 0;
        char text[160];

        if (record->worker_pid == 0)
                return false;
        lease->orphan_fd = (int)syscall(SYS_pidfd_open, (pid_t)record->worker_pid, 0);
        if (lease->orphan_fd < 0)
                return false;
        /* The number may be another process's by now. */
        if (holder_read_start(&lease->ledger->host, (int32_t)record->worker_pid, &start) &&
            start == record->worker_start)
                lease->orphan_event = event_new(lease->ledger->base, lease->orphan_fd, EV_READ,
                                                on_orphan_gone, lease);
        if (!lease->orphan_event || event_add(lease->orphan_event, NULL) < 0) {
                closep(&lease->orphan_fd);
                lease->orphan_fd = -1;
                return false;
        }
        lease->stuck = true;
        (void)snprintf(text, sizeof(text),
                       "group %s: process %" PRIu32
                       ", a worker of a daemon before this one, hangs in "
                       "the kernel; it is given back when the kernel lets go",
                       record->groups[0].id, record->worker_pid);
        set_waiting(lease, text);
        log_warning("lease %" PRIu32 " is stuck: %s", record->id, text);
        return true;
}

void lease_expect_end(Lease *lease, unsigned seconds)
{
        const struct timeval delay = {.tv_sec = seconds};

        note_worker(lease);
        if (!lease->stuck_event)
                lease->stuck_event = evtimer_new(lease->ledger->base, on_stuck, lease);
        if (!lease->stuck_event || evtimer_add(lease->stuck_event, &delay) < 0)
                log_broken(-ENOMEM);
}

void lease_end_worker(Lease *lease)
{
        lease->worker = NULL;
        lease->stuck = false;
        lease->record->worker_pid = 0;
        free(TAKE_PTR(lease->waiting));
        if (lease->stuck_event)
                (void)event_del(lease->stuck_event);
}

void lease_restore_is_late(Lease *lease, const char *text)
{
        log_warning("lease %" PRIu32 ": %s", lease->record->id, text);
        set_waiting(lease, text);
        (void)ledger_set_state(lease, LEASE_DRAINING);
        lease_expect_end(lease, lease->ledger->times.stuck);
        lease_answer(lease, REFUSAL_STUCK, text);
}

static void on_restore_overdue(void *userdata)
{
        Lease *lease = userdata;

        (void)ledger_set_state(lease, LEASE_DRAINING);
        lease_expect_end(lease, lease->ledger->times.stuck);
        holders_ask_own(lease, false, on_waited_for, NULL);
}

/* --- giving back ------------------------------------------------------------------------------ */

static int job_restore(const void *context, VfioFds *fds, char **ret_message)
{
        const Lease *lease = context;
        _cleanup_(lease_clean_clear) Cleaning cleaning = {
                .snapshot = lease->record->handed_out ? lease->ledger->world->snapshot : NULL,
        };
        const HostPaths *host = &lease->ledger->host;
        _cleanup_(freep) char *halted = NULL;
        int32_t groups[LEASE_GROUPS_MAX];

        memlock_lower(lease);
        /*
         * Whoever keeps a device open shall not go on with it while the kernel waits for them. Bus
         * mastering that stays on is told of when the device is cleaned.
         */
        if (lease->record->handed_out)
                (void)lease_halt(host, lease->record, fds, &halted);
        /* Closing the last copy may reset the device: here, not in the service manager. */
        (void)sd_notify_barrier(0, STORE_BARRIER_USEC);
        vfio_fds_close(fds);
        for (size_t i = 0; i < lease->record->n_groups; i++)
                groups[i] = lease->record->groups[i].number;
        vfio_await_closed(host, groups, lease->record->n_groups,
                          OWNER_EXIT_SECONDS);
        /* Slots last: what waits in them comes in, and finds its own driver. */
        int r = lease_steps_restore(host, lease->record, &cleaning, ret_message);
        if (r == 0)
                r = guard_undo(host, lease->record, 0, ret_message);
        if (r == 0)
                *ret_message = TAKE_PTR(cleaning.report);
        return r;
}

/* Adds to the report: a second worker only finds what the first one left. */
static void note_resets(Lease *lease, const char *report)
{
        char *both;

        if (!report || !report[0])
                return;
        for (const char *line = report; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                int n = (int)strcspn(line, "\n"), n_address = (int)strcspn(line, " ");
                bool is_reset = strncmp(line + n_address, " not ", strlen(" not ")) != 0;

                log_info("lease %" PRIu32 ": %.*s%s%.*s", lease->record->id, n_address, line,
                         is_reset ? " reset:" : "", n - n_address, line + n_address);
        }
        if (asprintf(&both, "%s%s", lease->report ? lease->report : "", report) < 0) {
                log_broken(-ENOMEM);
                return;
        }
        free(lease->report);
        lease->report = both;
}

/* What nobody has had is no lease that ended. */
static void tell_end(const Lease *lease)
{
        const LeaseRecord *record = lease->record;

        if (!record->handed_out)
                log_info("lease %" PRIu32 ": given back", record->id);
        else
                audit_lease(record->trouble ? AUDIT_REPAIRED : AUDIT_GIVEN_BACK, lease,
                            ": given back");
}

static void on_restore_done(WorkerResult *result, void *userdata)
{
        Lease *lease = userdata;
        Ledger *ledger = lease->ledger;
        _cleanup_(freep) char *message = strdup(result->message ? result->message : "");

        lease_end_worker(lease);
        ledger->is_quiet = true; /* until the lease has its new state, or is gone */
        ledger_read_again(ledger);
        ledger->is_quiet = false;
        if (result->code != 0) {
                const char *trouble = message && message[0] ? message
                                      : result->code < 0    ? strerror(-result->code)
                                                            : "the kernel refused";
                lease_quarantine(lease, trouble);
                return lease_answer(lease, REFUSAL_QUARANTINED, trouble);
        }
        note_resets(lease, message);
        if (lease->n_joined != lease->n_restoring)
                /* Somebody joined while the others were put back. */
                return lease_begin_restore(lease, lease->done, lease->done_userdata);

        LeaseDone done = lease->done, revoke_done = lease->revoke_done;
        void *done_userdata = lease->done_userdata, *revoke_userdata = lease->revoke_userdata;
        _cleanup_(freep) char *report = TAKE_PTR(lease->report);
        LeaseAnswer reply = {.code = 0, .message = "", .report = report};
        tell_end(lease);
        lease_drop(lease);
        if (revoke_done)
                revoke_done(&reply, NULL, revoke_userdata);
        if (done)
                done(&reply, NULL, done_userdata);
}

static void forget_owner(Lease *lease)
{
        if (lease->owner_event)
                event_free(TAKE_PTR(lease->owner_event));
        closep(&lease->owner_fd);
        closep(&lease->client_fd);
        lease->owner_fd = lease->client_fd = -1;
}

void lease_begin_restore(Lease *lease, LeaseDone done, void *userdata)
{
        const WorkerHandler handler = {
                .done = on_restore_done,
                .overdue = on_restore_overdue,
                .userdata = lease,
        };

        _cleanup_(freep) char *message = NULL;
        int r;

        lease->done = done;
        lease->done_userdata = userdata;
        if (lease->guard_worker) {
                /* Two at one device would undo each other's work. Its record says all it did. */
                lease->restore_waits = true;
                worker_kill(lease->guard_worker);
                lease_expect_end(lease, lease->ledger->times.stuck);
                (void)ledger_set_state(lease, LEASE_RELEASING);
                return;
        }
        lease_end_worker(lease);
        if (lease->revoke_event)
                (void)event_del(lease->revoke_event);
        members_drop(lease);
        lease->record->in_hand = lease->halt_waits = false;
        /* First, so that a daemon after us goes on with giving back and not with the lease. */
        (void)ledger_set_state(lease, LEASE_RELEASING);
        r = claims_revoke_nodes(lease, &message);
        if (r != 0) {
                lease_quarantine(lease, message ? message : strerror(-r));
                return lease_answer(lease, REFUSAL_QUARANTINED, lease->record->trouble);
        }
        claims_forget(lease);
        /* A device that has its override back must not be blocked anew by them. */
        if (rules_remove(RULES_DIRECTORY, lease->record->id) < 0)
                log_error("lease %" PRIu32 ": its udev rules cannot be removed", lease->record->id);
        lease->n_restoring = lease->n_joined;
        forget_owner(lease);
        holders_note_nodes(lease);
        fdstore_remove(lease->record);
        r = worker_start(lease->ledger->base, job_restore, lease, &lease->fds,
                             lease->ledger->times.worker, &handler, &lease->worker);
        if (r < 0) {
                lease_quarantine(lease, "no worker process could be started");
                return lease_answer(lease, r,
                                      "no worker process could be started; release it again");
        }
        vfio_fds_close(&lease->fds);
}

/* A worker is at it: who asks is answered with the others, or told at once why that takes so long.
 */
static void wait_with(Lease *lease, LeaseDone done, void *userdata)
{
        const LeaseAnswer answer = {.code = REFUSAL_STUCK, .message = lease->waiting};

        if (lease->waiting) {
                if (done)
                        done(&answer, NULL, userdata);
                return;
        }
        lease->done = done;
        lease->done_userdata = userdata;
}

void lease_release(Lease *lease, LeaseDone done, void *userdata)
{
        LeaseAnswer busy = {
                .code = REFUSAL_BUSY,
                .message = "the lease is being prepared or given back; wait for that to end",
        };

        if (lease->is_concluding) {
                lease->is_concluding = false;
                lease_answer(lease, REFUSAL_CHANGED,
                               "the lease was given back at once by somebody");
        }
        switch (lease->record->state) {
        case LEASE_LEASED:
        case LEASE_QUARANTINED:
                return lease_begin_restore(lease, done, userdata);
        case LEASE_RELEASING:
        case LEASE_DRAINING:
                if ((lease->worker || lease->restore_waits || lease->orphan_event) && !lease->done)
                        return wait_with(lease, done, userdata);
                break;
        case LEASE_PREPARING:
                if (lease->stuck)
                        return wait_with(lease, done, userdata);
                break;
        case _LEASE_STATE_N:
                break;
        }
        if (done)
                done(&busy, NULL, userdata);
}
