/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Workers that take long: the state of the lease meanwhile, and what its requesters are told.
 *
 * The daemon never gives up a worker: whatever it waits for in the kernel, it continues after that,
 * and until then no user gets the groups. Its process is on record, so that the next daemon does
 * not start another.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/base/event.h"
#include "daemon/base/log.h"
#include "daemon/holders/tracker.h"
#include "daemon/lifecycle/life_internal.h"
#include "daemon/work/work.h"

typedef struct LifeHang {
        char *text;           /* what a worker waits for, or NULL */
        struct event *stuck;  /* when the lease is called stuck, or NULL */
        struct event *former; /* the end of a former daemon's worker, or NULL */
        int former_fd;        /* its pidfd, or -1 */
        uintptr_t n_waits;    /* how often something was waited for */
} LifeHang;

static void init_lease(void *part)
{
        ((LifeHang *)part)->former_fd = -1;
}

static void forget_former(LifeHang *hang)
{
        event_freep(&hang->former);
        closep(&hang->former_fd);
        hang->former_fd = -1;
}

static void clear_lease(void *part)
{
        LifeHang *hang = part;

        forget_former(hang);
        event_freep(&hang->stuck);
        free(hang->text);
}

const Module life_wait_module = {
        .name = "waiting for workers",
        .lease_size = sizeof(LifeHang),
        .lease_init = init_lease,
        .lease_clear = clear_lease,
};

DEFINE_LEASE_PART(LifeHang, of, life_wait_module);

const char *lease_trouble(const Lease *lease)
{
        if (of(lease)->text)
                return of(lease)->text;
        return lease->record->condition.trouble ? lease->record->condition.trouble : "";
}

bool lease_is_at_work(const Lease *lease)
{
        return work_transition(lease) && !of(lease)->text;
}

static void set_text(Lease *lease, const char *text)
{
        LifeHang *hang = of(lease);

        free(hang->text);
        hang->text = strdup(text);
}

/* --- for whom the kernel waits ------------------------------------------------------------------
 */

/*
 * The holders at the time of wait number `userdata`. Who requested something after that is not
 * answered with them: a request to kill them has begun another wait.
 */
static void on_holders(Ledger *ledger, uint32_t id, const HoldersResult *result, void *userdata)
{
        _cleanup_(freep) char *names = holders_describe(result->holders);
        Lease *lease = ledger_find_lease(ledger, id);
        bool is_unseen = result->code == REFUSAL_UNSUPPORTED;
        char text[1024];

        if (!lease || !work_transition(lease))
                return;
        if (result->holders->n_items > 0)
                (void)snprintf(text, sizeof(text),
                               "group %s: the kernel waits for %s to close it; "
                               "it is given back after that; "
                               "`isoctl revoke --kill %" PRIu32 "` kills them",
                               lease->record->groups[0].id, names ? names : "a process", id);
        else
                (void)snprintf(text, sizeof(text),
                               "group %s: the kernel is taking long%s%s%s; see the kernel log; "
                               "it is given back when the kernel has finished",
                               lease->record->groups[0].id,
                               result->code == 0 ? ", and no process has it open" : ": ",
                               is_unseen && lease->record->revocation.kill
                                       ? "no process was killed, as "
                                       : "",
                               result->code == 0 ? "" : result->message);
        set_text(lease, text);
        log_warning("lease %" PRIu32 " is %s: %s", id, ledger_lease_state(lease), text);
        if (lease->record->state == LEASE_PREPARING)
                ledger_tell_lease(lease);
        else
                (void)ledger_set_state(lease, LEASE_DRAINING);
        if ((uintptr_t)userdata == of(lease)->n_waits)
                life_answer(lease, REFUSAL_STUCK, text);
}

static void find_holders(Lease *lease)
{
        holders_ask_own(lease, false, on_holders, (void *)of(lease)->n_waits);
}

static void on_stuck(evutil_socket_t fd, short what, void *userdata)
{
        Lease *lease = userdata;
        char text[160];

        if (!work_transition(lease) && !work_is_ending(lease) && !of(lease)->former)
                return;
        ledger_set_stuck(lease, true);
        if (work_transition(lease))
                return find_holders(lease);
        if (!of(lease)->text) {
                (void)snprintf(
                        text, sizeof(text),
                        "group %s: the worker of its guard hangs in the kernel; see the kernel "
                        "log; it is given back when the worker has ended",
                        lease->record->groups[0].id);
                set_text(lease, text);
        }
        log_warning("lease %" PRIu32 " is stuck: %s", lease->record->id, lease_trouble(lease));
        ledger_tell_lease(lease);
        life_answer(lease, REFUSAL_STUCK, lease_trouble(lease));
}

/* Puts the hanging process on record. */
static void record_worker(Lease *lease)
{
        const Worker *transition = work_transition(lease);
        const Worker *worker = transition ? transition : work_upkeep(lease);
        LeaseRecord *record = lease->record;

        if (!worker || record->worker.pid == (uint32_t)worker_pid(worker) ||
            !holder_read_start(&lease->ledger->host, worker_pid(worker), &record->worker.start))
                return;
        record->worker.pid = (uint32_t)worker_pid(worker);
        (void)ledger_save_lease(lease);
}

void life_expect_end(Lease *lease, unsigned seconds)
{
        record_worker(lease);
        of(lease)->n_waits++;
        int r = timer_start(&of(lease)->stuck, lease->ledger->base, on_stuck, lease,
                            seconds * USEC_PER_SEC);
        if (r < 0)
                log_broken(r);
}

void life_end_wait(Lease *lease)
{
        LifeHang *hang = of(lease);

        ledger_set_stuck(lease, false);
        lease->record->worker.pid = 0;
        free(TAKE_PTR(hang->text));
        if (hang->stuck)
                (void)event_del(hang->stuck);
}

bool life_drain(Lease *lease, const LifeNews *news)
{
        const char *text = news->message;

        if (text) {
                log_warning("lease %" PRIu32 ": %s", lease->record->id, text);
                set_text(lease, text);
        }
        (void)ledger_set_state(lease, LEASE_DRAINING);
        life_expect_end(lease, lease->ledger->times.stuck);
        if (text)
                life_answer(lease, REFUSAL_STUCK, text);
        else
                find_holders(lease);
        return true;
}

bool life_join_wait(Lease *lease, const LifeNews *news)
{
        LeaseLife *life = life_of(lease);
        bool may_join = lease->record->state == LEASE_PREPARING ? lease->is_stuck : !life->done;

        if (may_join && !of(lease)->text) {
                life->done = news->done;
                life->done_userdata = news->userdata;
        } else if (may_join) {
                lease_answer(news->done, news->userdata, REFUSAL_STUCK, of(lease)->text);
        } else {
                lease_answer(news->done, news->userdata, REFUSAL_BUSY,
                             "the lease is being prepared or given back; wait for that to end");
        }
        return true;
}

/* --- a former daemon's worker ------------------------------------------------------------------
 */

static void on_former_ended(evutil_socket_t fd, short what, void *userdata)
{
        Lease *lease = userdata;

        forget_former(of(lease));
        log_notice("lease %" PRIu32 ": the worker of a former daemon has ended", lease->record->id);
        life_raise(lease, LIFE_CLEAR, NULL);
}

bool life_await_former(Lease *lease)
{
        const LeaseRecord *record = lease->record;
        LifeHang *hang = of(lease);
        uint64_t start = 0;
        char text[160];

        if (record->worker.pid == 0)
                return false;
        hang->former_fd = (int)syscall(SYS_pidfd_open, (pid_t)record->worker.pid, 0);
        if (hang->former_fd < 0)
                return false;
        /* Another process may have that number by now. */
        if (!holder_read_start(&lease->ledger->host, (int32_t)record->worker.pid, &start) ||
            start != record->worker.start ||
            event_watch(&hang->former, lease->ledger->base, hang->former_fd, EV_READ,
                        on_former_ended, lease) < 0) {
                forget_former(hang);
                return false;
        }
        ledger_set_stuck(lease, true);
        (void)snprintf(text, sizeof(text),
                       "group %s: process %" PRIu32 ", a worker of a former daemon, hangs in "
                       "the kernel; it is given back when that process has ended",
                       record->groups[0].id, record->worker.pid);
        set_text(lease, text);
        log_warning("lease %" PRIu32 " is stuck: %s", record->id, text);
        return true;
}
