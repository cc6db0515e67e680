/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Revokes a lease: its owner is told and has a grace period; then the lease is given back as if the
 * owner had released it. The daemon waits for processes that still have it open, or kills them
 * first if that was requested.
 *
 * The end of the grace period is on record, so that the next daemon keeps to it.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/base/clock.h"
#include "daemon/base/event.h"
#include "daemon/base/log.h"
#include "daemon/holders/tracker.h"
#include "daemon/lifecycle/life_internal.h"
#include "daemon/tell/audit.h"

/* Sets the one waiting requester, and answers the former one. */
static void set_waiter(Lease *lease, const LifeNews *news)
{
        LeaseLife *life = life_of(lease);
        LeaseDone before = life->revoke_done;

        life->revoke_done = NULL;
        lease_answer(before, life->revoke_userdata, REFUSAL_BUSY,
                     "another request has revoked the lease since");
        life->revoke_done = news->done;
        life->revoke_userdata = news->userdata;
}

static void tell_killed(uint32_t id, const HoldersResult *result)
{
        _cleanup_(freep) char *names = holders_describe(result->holders);

        if (result->code == REFUSAL_UNSUPPORTED)
                log_warning("lease %" PRIu32 ": no process was killed: %s", id, result->message);
        else if (result->code != 0)
                log_warning("lease %" PRIu32
                            ": its holders could not be found, so none was killed: %s",
                            id, result->code < 0 ? strerror(-result->code) : result->message);
        else if (result->n_killed > 0)
                log_warning("lease %" PRIu32 ": %zu processes were killed; holders: %s", id,
                            result->n_killed, names ? names : "unknown");
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
        if (lease->record->revocation.kill)
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
        return timer_start(&life_of(lease)->grace, lease->ledger->base, on_grace_over, lease, usec);
}

bool life_resume_grace(Lease *lease, const LifeNews *news)
{
        uint64_t now = clock_usec(CLOCK_BOOTTIME), end = lease->record->revocation.end_usec;

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
        unsigned grace = request->has_grace ? request->grace : lease->record->terms.revoke_grace;

        set_waiter(lease, news);
        lease->record->revocation.end_usec = clock_usec(CLOCK_BOOTTIME) + grace * USEC_PER_SEC;
        lease->record->revocation.kill |= request->kill;
        audit_lease(AUDIT_REVOKED, lease, " is to be revoked in %u s%s", grace,
                    lease->record->revocation.kill ? "; processes that have it open then are killed"
                                                   : "");
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
        lease->record->revocation.kill = true;
        set_waiter(lease, news);
        holders_ask_own(lease, true, on_killed, NULL);
        /* Answer the requester in time even if the kernel does not finish. */
        life_expect_end(lease, lease->ledger->times.worker);
        return true;
}
