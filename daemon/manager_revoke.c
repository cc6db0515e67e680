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

#include "daemon/audit.h"
#include "daemon/clock.h"
#include "daemon/lease/halt.h"
#include "daemon/lease/state.h"
#include "daemon/log.h"
#include "daemon/manager_revoke.h"

bool manager_is_being_revoked(const Lease *lease)
{
        return lease->record->state == LEASE_LEASED && lease->record->revoke_usec > 0;
}

/* Once for each who asks: the last one waits, who asked before is told. */
static void set_waiter(Lease *lease, ManagerDone done, void *userdata)
{
        const ManagerAnswer superseded = {
                .code = REFUSAL_BUSY,
                .message = "somebody else revokes the lease by now",
        };
        ManagerDone before = lease->revoke_done;

        lease->revoke_done = NULL;
        if (before)
                before(&superseded, NULL, lease->revoke_userdata);
        lease->revoke_done = done;
        lease->revoke_userdata = userdata;
}

static void tell_killed(uint32_t id, const CensusResult *result)
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

static void on_killed(Manager *manager, uint32_t id, const CensusResult *result, void *userdata)
{
        Lease *lease = manager_find_lease(manager, id);

        tell_killed(id, result);
        if (lease && manager_is_being_revoked(lease))
                manager_begin_restore(lease, NULL, NULL);
}

static void end_grace(Lease *lease)
{
        log_notice("lease %" PRIu32 " is revoked", lease->record->id);
        if (lease->record->revoke_kill)
                census_take(lease, true, on_killed, NULL);
        else
                manager_begin_restore(lease, NULL, NULL);
}

static void on_grace_over(evutil_socket_t fd, short what, void *userdata)
{
        Lease *lease = userdata;

        if (manager_is_being_revoked(lease))
                end_grace(lease);
}

static int arm(Lease *lease, uint64_t usec)
{
        const struct timeval delay = {
                .tv_sec = (time_t)(usec / USEC_PER_SEC),
                .tv_usec = (suseconds_t)(usec % USEC_PER_SEC),
        };

        if (!lease->revoke_event)
                lease->revoke_event = evtimer_new(lease->manager->base, on_grace_over, lease);
        return lease->revoke_event && evtimer_add(lease->revoke_event, &delay) == 0 ? 0 : -ENOMEM;
}

void manager_resume_revoke(Lease *lease)
{
        uint64_t now = clock_usec(CLOCK_BOOTTIME), end = lease->record->revoke_usec;

        if (!manager_is_being_revoked(lease))
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
        const Manager *manager = lease->manager;
        unsigned grace = request->has_grace ? request->grace : lease->record->revoke_grace;

        lease->record->revoke_usec = clock_usec(CLOCK_BOOTTIME) + grace * USEC_PER_SEC;
        lease->record->revoke_kill |= request->kill;
        audit_lease(AUDIT_REVOKED, lease, " is to be revoked in %u s%s", grace,
                    lease->record->revoke_kill ? "; who has it open then is killed" : "");
        (void)manager_set_lease_state(lease, LEASE_LEASED);
        if (manager->observer.revoked)
                manager->observer.revoked(lease, grace, manager->observer.userdata);
        if (grace == 0)
                return end_grace(lease);
        manager_resume_revoke(lease);
}

/* It is being given back already: only those who have it open are left to be dealt with. */
static void hurry(Lease *lease, const RevokeRequest *request, ManagerDone done, void *userdata)
{
        if (!request->kill)
                return manager_release(lease, done, userdata);
        lease->record->revoke_kill = true;
        set_waiter(lease, done, userdata);
        census_take(lease, true, on_killed, NULL);
        /* Whoever asked is not kept waiting for what the kernel does not let go of all the same. */
        manager_expect_end(lease, lease->manager->times.worker);
}

void manager_revoke(Lease *lease, const RevokeRequest *request, ManagerDone done, void *userdata)
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
        manager_release(lease, done, userdata);
}

/* --- what the policy says ----------------------------------------------------------------------
 */

static int job_halt(const void *context, VfioFds *fds, char **ret_message)
{
        const Lease *lease = context;

        int r = lease_halt(&lease->manager->host, lease->record, fds, ret_message);
        vfio_fds_close(fds);
        return r;
}

static void on_halted(WorkerResult *result, void *userdata)
{
        Lease *lease = userdata;

        if (manager_end_guard_worker(lease))
                return;
        if (result->code != 0)
                log_error("lease %" PRIu32 ": not all of its devices could be stopped: %s",
                          lease->record->id,
                          result->message[0] ? result->message : "the worker failed");
        manager_mark_dirty(lease->manager);
}

void manager_halt(Lease *lease)
{
        lease->halt_waits = false;
        if (lease_record_is_withheld(lease->record))
                manager_start_guard_worker(lease, job_halt, &lease->fds, on_halted);
}

static void quarantine_in_hand(Lease *lease, const char *why)
{
        _cleanup_(freep) char *message = NULL;

        lease->record->in_hand = true;
        manager_quarantine(lease, why);
        int r = manager_revoke_nodes(lease, &message);
        if (r != 0)
                log_error("lease %" PRIu32 ": its nodes are not all shut: %s", lease->record->id,
                          message ? message : strerror(-r));
        lease->halt_waits = true;
        if (!lease->guard_worker)
                manager_halt(lease);
}

void manager_react(Lease *lease, PolicyBreach reaction, const char *why)
{
        static const RevokeRequest as_the_rule_says = {.kill = false};

        switch (reaction) {
        case POLICY_BREACH_REVOKE:
                if (manager_is_being_revoked(lease))
                        return;
                log_warning("lease %" PRIu32 ": %s: it is revoked, as rule %s says",
                            lease->record->id, why, lease->record->rule);
                return manager_revoke(lease, &as_the_rule_says, NULL, NULL);
        case POLICY_BREACH_QUARANTINE:
                return quarantine_in_hand(lease, why);
        case POLICY_BREACH_KEEP:
        case _POLICY_BREACH_N:
                return;
        }
}
