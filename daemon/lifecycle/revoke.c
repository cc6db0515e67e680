/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Taking a lease away: its owner is told and has a while to let go; then it is given back as if
 * they had. Whoever still has it open then is waited for, or, if that was asked, killed before.
 *
 * That a lease is being revoked is on record: a daemon that dies meanwhile keeps the word of its
 * predecessor.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/tell/audit.h"
#include "daemon/base/clock.h"
#include "daemon/lease/halt.h"
#include "daemon/lease/state.h"
#include "daemon/base/log.h"
#include "daemon/lifecycle/revoke.h"

bool ledger_is_revoking(const Lease *lease)
{
        return lease->record->state == LEASE_LEASED && lease->record->revoke_usec > 0;
}

/* Once for each who asks: the last one waits, who asked before is told. */
static void set_waiter(Lease *lease, LeaseDone done, void *userdata)
{
        const LeaseAnswer superseded = {
                .code = REFUSAL_BUSY,
                .message = "somebody else revokes the lease by now",
        };
        LeaseDone before = lease->revoke_done;

        lease->revoke_done = NULL;
        if (before)
                before(&superseded, NULL, lease->revoke_userdata);
        lease->revoke_done = done;
        lease->revoke_userdata = userdata;
}

static void tell_killed(uint32_t id, const HoldersResult *result)
{
        _cleanup_(freep) char *names = holders_describe(result->holders);

        if (result->code == REFUSAL_UNSUPPORTED)
                log_warning("lease %" PRIu32 ": nobody was killed: %s", id, result->message);
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
        if (lease && ledger_is_revoking(lease))
                lease_begin_restore(lease, NULL, NULL);
}

static void end_grace(Lease *lease)
{
        log_notice("lease %" PRIu32 " is revoked", lease->record->id);
        if (lease->record->revoke_kill)
                holders_ask_own(lease, true, on_killed, NULL);
        else
                lease_begin_restore(lease, NULL, NULL);
}

static void on_grace_over(evutil_socket_t fd, short what, void *userdata)
{
        Lease *lease = userdata;

        if (ledger_is_revoking(lease))
                end_grace(lease);
}

static int arm(Lease *lease, uint64_t usec)
{
        const struct timeval delay = {
                .tv_sec = (time_t)(usec / USEC_PER_SEC),
                .tv_usec = (suseconds_t)(usec % USEC_PER_SEC),
        };

        if (!lease->revoke_event)
                lease->revoke_event = evtimer_new(lease->ledger->base, on_grace_over, lease);
        return lease->revoke_event && evtimer_add(lease->revoke_event, &delay) == 0 ? 0 : -ENOMEM;
}

void lease_resume_revoke(Lease *lease)
{
        uint64_t now = clock_usec(CLOCK_BOOTTIME), end = lease->record->revoke_usec;

        if (!ledger_is_revoking(lease))
                return;
        int r = arm(lease, end > now ? end - now : 0);
        if (r < 0) {
                log_broken(r);
                end_grace(lease);
        }
}

/* The word is given: to the record, then to the owner. */
static void begin(Lease *lease, const RevokeRequest *request)
{
        const Ledger *ledger = lease->ledger;
        unsigned grace = request->has_grace ? request->grace : lease->record->revoke_grace;

        lease->record->revoke_usec = clock_usec(CLOCK_BOOTTIME) + grace * USEC_PER_SEC;
        lease->record->revoke_kill |= request->kill;
        audit_lease(AUDIT_REVOKED, lease, " is to be revoked in %u s%s", grace,
                    lease->record->revoke_kill ? "; who has it open then is killed" : "");
        (void)ledger_set_state(lease, LEASE_LEASED);
        if (ledger->observer.revoked)
                ledger->observer.revoked(lease, grace, ledger->observer.userdata);
        if (grace == 0)
                return end_grace(lease);
        lease_resume_revoke(lease);
}

/* It is being given back already: only those who have it open are left to be dealt with. */
static void hurry(Lease *lease, const RevokeRequest *request, LeaseDone done, void *userdata)
{
        if (!request->kill)
                return lease_release(lease, done, userdata);
        lease->record->revoke_kill = true;
        set_waiter(lease, done, userdata);
        holders_ask_own(lease, true, on_killed, NULL);
        /* Whoever asked is not kept waiting for what the kernel does not let go of all the same. */
        lease_expect_end(lease, lease->ledger->times.worker);
}

void lease_revoke(Lease *lease, const RevokeRequest *request, LeaseDone done, void *userdata)
{
        switch (lease->record->state) {
        case LEASE_LEASED:
                /* Nobody has had it yet. */
                if (lease->is_concluding)
                        break;
                set_waiter(lease, done, userdata);
                return begin(lease, request);
        case LEASE_RELEASING:
        case LEASE_DRAINING:
                return hurry(lease, request, done, userdata);
        case LEASE_PREPARING:
        case LEASE_QUARANTINED:
        case _LEASE_STATE_N:
                break;
        }
        lease_release(lease, done, userdata);
}

/* --- what the policy says ----------------------------------------------------------------------
 */

static int job_halt(const void *context, VfioFds *fds, char **ret_message)
{
        const Lease *lease = context;

        int r = lease_halt(&lease->ledger->host, lease->record, fds, ret_message);
        vfio_fds_close(fds);
        return r;
}

static void on_halted(WorkerResult *result, void *userdata)
{
        Lease *lease = userdata;

        if (guard_end_worker(lease))
                return;
        if (result->code != 0)
                log_error("lease %" PRIu32 ": not all of its devices could be stopped: %s",
                          lease->record->id,
                          result->message[0] ? result->message : "the worker failed");
        ledger_read_soon(lease->ledger);
}

void lease_begin_halt(Lease *lease)
{
        lease->halt_waits = false;
        if (lease_record_is_withheld(lease->record))
                guard_start_worker(lease, job_halt, &lease->fds, on_halted);
}

static void quarantine_in_hand(Lease *lease, const char *why)
{
        _cleanup_(freep) char *message = NULL;

        lease->record->in_hand = true;
        lease_quarantine(lease, why);
        int r = claims_revoke_nodes(lease, &message);
        if (r != 0)
                log_error("lease %" PRIu32 ": its nodes are not all shut: %s", lease->record->id,
                          message ? message : strerror(-r));
        lease->halt_waits = true;
        if (!lease->guard_worker)
                lease_begin_halt(lease);
}

void lease_react(Lease *lease, PolicyBreach reaction, const char *why)
{
        static const RevokeRequest as_the_rule_says = {.kill = false};

        switch (reaction) {
        case POLICY_BREACH_REVOKE:
                if (ledger_is_revoking(lease))
                        return;
                log_warning("lease %" PRIu32 ": %s: it is revoked, as rule %s says",
                            lease->record->id, why, lease->record->rule);
                return lease_revoke(lease, &as_the_rule_says, NULL, NULL);
        case POLICY_BREACH_QUARANTINE:
                return quarantine_in_hand(lease, why);
        case POLICY_BREACH_KEEP:
        case _POLICY_BREACH_N:
                return;
        }
}
