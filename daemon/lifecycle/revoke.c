/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Taking a lease away: its owner is told and has a grace period; then it is given back as if the owner
 * had let go. Processes that still have it open are waited for, or killed first if that was asked.
 *
 * The end of the grace period is on record, so that a daemon that dies meanwhile is followed by one that
 * keeps to it.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/holders/tracker.h"
#include "daemon/lifecycle/life_internal.h"
#include "daemon/tell/audit.h"

/* One requester waits at a time: the one before is told. */
static void set_waiter(Lease *lease, const LifeNews *news)
{
        static const LeaseAnswer superseded = {
                .code = REFUSAL_BUSY,
                .message = "somebody else revokes the lease by now",
        };
        LeaseLife *life = life_of(lease);
        LeaseDone before = life->revoke_done;

        life->revoke_done = NULL;
        if (before)
                before(&superseded, NULL, life->revoke_userdata);
        life->revoke_done = news->done;
        life->revoke_userdata = news->userdata;
}

static void tell_killed(uint32_t id, const HoldersResult *result)
{
        _cleanup_(freep) char *names = holders_describe(result->holders);

        if (result->code == REFUSAL_UNSUPPORTED)
                log_warning("lease %" PRIu32 ": no process was killed: %s", id, result->message);
        else if (result->code != 0)
                log_warning("lease %" PRIu32 ": whom to kill could not be found out: %s", id,
                            result->code < 0 ? strerror(-result->code) : result->message);
        else if (result->n_killed > 0)
                log_warning("lease %" PRIu32 ": %zu processes were killed, of %s", id,
                            result->n_killed, names ? names : "its holders");
}

static void on_killed(Ledger *ledger, uint32_t id, const HoldersResult *result, void *userdata)
{
        Lease *lease = ledger_find_lease(ledger, id);

        tell_killed(id, result);
        if (lease)
                life_raise(lease, LIFE_KILLED, NULL);
}

bool life_end_grace(Lease *lease, const LifeNews *news)
{
        log_notice("lease %" PRIu32 " is revoked", lease->record->id);
        if (lease->record->revoke_kill)
                holders_ask_own(lease, true, on_killed, NULL);
        else
                life_raise(lease, LIFE_KILLED, NULL);
        return false;
}

static void on_grace_over(evutil_socket_t fd, short what, void *userdata)
{
        life_raise(userdata, LIFE_GRACE_OVER, NULL);
}

static int arm(Lease *lease, uint64_t usec)
{
        const struct timeval delay = {
                .tv_sec = (time_t)(usec / USEC_PER_SEC),
                .tv_usec = (suseconds_t)(usec % USEC_PER_SEC),
        };
        LeaseLife *life = life_of(lease);

        if (!life->grace)
                life->grace = evtimer_new(lease->ledger->base, on_grace_over, lease);
        return life->grace && evtimer_add(life->grace, &delay) == 0 ? 0 : -ENOMEM;
}

bool life_resume_grace(Lease *lease, const LifeNews *news)
{
        uint64_t now = clock_usec(CLOCK_BOOTTIME), end = lease->record->revoke_usec;

        int r = arm(lease, end > now ? end - now : 0);
        if (r < 0) {
                log_broken(r);
                life_raise(lease, LIFE_GRACE_OVER, NULL);
        }
        return false;
}

bool life_begin_grace(Lease *lease, const LifeNews *news)
{
        const RevokeRequest *request = news->revoke;
        const LedgerObserver *observer = &lease->ledger->observer;
        unsigned grace = request->has_grace ? request->grace : lease->record->revoke_grace;

        set_waiter(lease, news);
        lease->record->revoke_usec = clock_usec(CLOCK_BOOTTIME) + grace * USEC_PER_SEC;
        lease->record->revoke_kill |= request->kill;
        audit_lease(AUDIT_REVOKED, lease, " is to be revoked in %u s%s", grace,
                    lease->record->revoke_kill ? "; who has it open then is killed" : "");
        (void)ledger_set_state(lease, LEASE_LEASED);
        if (observer->revoked)
                observer->revoked(lease, grace, observer->userdata);
        if (grace > 0)
                return life_resume_grace(lease, news);
        life_raise(lease, LIFE_GRACE_OVER, NULL);
        return false;
}

bool life_hurry(Lease *lease, const LifeNews *news)
{
        if (!news->revoke->kill)
                return life_join_wait(lease, news);
        lease->record->revoke_kill = true;
        set_waiter(lease, news);
        holders_ask_own(lease, true, on_killed, NULL);
        /* The requester is not kept waiting for a kernel that does not let go all the same. */
        life_expect_end(lease, lease->ledger->times.worker);
        return true;
}
