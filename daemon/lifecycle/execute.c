/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The executor finds the row of an event in the table, sets the state of the lease, and runs the
 * actions of the row in order. An action that raises an event ends the row; the row of that event
 * follows.
 */

#include <inttypes.h>

#include "daemon/base/log.h"
#include "daemon/facts/guard_facts.h"
#include "daemon/lifecycle/life_internal.h"

static void set_waiter(Lease *lease, LeaseDone done, void *userdata)
{
        LeaseLife *life = life_of(lease);

        life->done = done;
        life->done_userdata = userdata;
}

/* --- small actions ---------------------------------------------------------------------------- */

static bool answer(Lease *lease, const LifeNews *news)
{
        life_answer(lease, news->code, news->message);
        return true;
}

static bool answer_ended(Lease *lease, const LifeNews *news)
{
        life_answer(lease, REFUSAL_CHANGED, "somebody released the lease before it was answered");
        return true;
}

static bool note_waiter(Lease *lease, const LifeNews *news)
{
        set_waiter(lease, news->done, news->userdata);
        return true;
}

static void on_restored(const LeaseAnswer *reply, Lease *lease, void *userdata)
{
        log_notice("the host was restored after a failed lease%s%s", reply->code == 0 ? "" : ": ",
                   reply->message);
}

static bool log_end(Lease *lease, const LifeNews *news)
{
        set_waiter(lease, on_restored, NULL);
        return true;
}

static bool note_name_gone(Lease *lease, const LifeNews *news)
{
        life_of(lease)->is_name_gone = true;
        return true;
}

/* Answers the requester when the machine shows that the lease is gone. */
static bool drop(Lease *lease, const LifeNews *news)
{
        Ledger *ledger = lease->ledger;
        LeaseDone done = life_of(lease)->done;
        void *userdata = life_of(lease)->done_userdata;

        life_drop(lease);
        ledger_read_again(ledger);
        lease_answer(done, userdata, news->code, news->message);
        return false;
}

/* Frees a lease that was answered already. Nothing was changed, so the machine need not be read. */
static bool forget(Lease *lease, const LifeNews *news)
{
        life_drop(lease);
        return false;
}

static bool log_owner(Lease *lease, const LifeNews *news)
{
        if (lease->record->state == LEASE_QUARANTINED)
                log_notice("lease %" PRIu32 ": the owner closed its lease fd; it stays in "
                           "quarantine",
                           lease->record->id);
        else
                log_info("lease %" PRIu32 ": the owner closed its lease fd; releasing",
                         lease->record->id);
        return true;
}

/* --- the executor ----------------------------------------------------------------------------- */

static LifeDo *const actions[_LIFE_ACTION_N] = {
        [LIFE_START_TAKE] = life_start_take,
        [LIFE_SETTLE] = life_settle,
        [LIFE_AWAIT_GUARD] = life_await_guard,
        [LIFE_GRANT] = life_grant,
        [LIFE_ANSWER] = answer,
        [LIFE_ANSWER_ENDED] = answer_ended,
        [LIFE_DROP] = drop,
        [LIFE_FORGET] = forget,
        [LIFE_KILL_TAKE] = life_kill_take,
        [LIFE_NOTE_NAME_GONE] = note_name_gone,
        [LIFE_NOTE_WAITER] = note_waiter,
        [LIFE_LOG_END] = log_end,
        [LIFE_RESTORE] = life_restore,
        [LIFE_JOIN_WAIT] = life_join_wait,
        [LIFE_BEGIN_GRACE] = life_begin_grace,
        [LIFE_END_GRACE] = life_end_grace,
        [LIFE_HURRY] = life_hurry,
        [LIFE_RESUME_GRACE] = life_resume_grace,
        [LIFE_QUARANTINE] = life_quarantine,
        [LIFE_SHUT_IN_HAND] = life_shut_in_hand,
        [LIFE_DRAIN] = life_drain,
        [LIFE_FINISH] = life_finish,
        [LIFE_LOG_OWNER] = log_owner,
};

static void execute(Lease *lease, LifeEvent event, const LifeNews *news)
{
        LeaseLife *life = life_of(lease);
        const LifeRow *row = life_find(life->state, event);

        if (!row) {
                log_error("lease %" PRIu32 ": event \"%s\" in state \"%s\" is ignored",
                          lease->record->id, life_event_to_string(event),
                          life_state_to_string(life->state));
                lease_answer(news->done, news->userdata, REFUSAL_BUSY,
                             "the state of the lease does not allow that now; try again");
                return;
        }
        life->state = row->next;
        for (size_t i = 0; i < LIFE_ACTIONS_MAX && row->actions[i] != _LIFE_ACTION_END; i++)
                if (!actions[row->actions[i]](lease, news))
                        return;
}

/* --- events of other modules ------------------------------------------------------------------ */

/* Reacts as the rule of the lease says. */
static void react(Lease *lease, PolicyBreach reaction, const char *why)
{
        static const RevokeRequest by_rule = {.kill = false};

        switch (reaction) {
        case POLICY_BREACH_REVOKE:
                if (ledger_is_revoking(lease))
                        return;
                log_warning("lease %" PRIu32 ": %s; revoking it, as rule %s says",
                            lease->record->id, why, lease->record->terms.rule);
                return life_raise(lease, LIFE_REVOKE, &(LifeNews){.revoke = &by_rule});
        case POLICY_BREACH_QUARANTINE:
                return life_raise_code(lease, LIFE_CONDEMN, REFUSAL_QUARANTINED, why);
        case POLICY_BREACH_KEEP:
        case _POLICY_BREACH_N:
                return;
        }
}

static void finish_settling(Lease *lease)
{
        if (!lease_awaits_guard(lease))
                return;
        if (life_of(lease)->is_name_gone)
                return life_raise_code(lease, LIFE_NO_OWNER, REFUSAL_CHANGED, "its owner has gone");
        if (!lease_is_weak(lease))
                return life_raise(lease, LIFE_GUARDED, NULL);
        life_raise_code(lease, LIFE_TOO_WEAK, REFUSAL_TOO_WEAK,
                        "the guard is weaker than required, because the machine has changed "
                        "meanwhile; the group is given back");
}

static void handle(Ledger *ledger, const Event *event)
{
        Lease *lease = event->lease;

        switch (event->kind) {
        case EVENT_JOINED:
                life_of(lease)->n_joined++;
                return;
        case EVENT_BREACHED:
                return react(lease, lease->record->terms.on_breach, event->text);
        case EVENT_GUARD_WEAK:
                return react(lease, lease->record->terms.on_weaker, event->text);
        case EVENT_FAULT_STORM:
                return react(lease, lease->record->terms.on_fault_storm, event->text);
        case EVENT_GUARD_SETTLED:
                return finish_settling(lease);
        case EVENT_OWNER_GONE:
                return life_raise(lease, LIFE_OWNER_GONE, NULL);
        case EVENT_NAME_GONE:
                return life_raise(lease, LIFE_NAME_GONE, NULL);
        case EVENT_LEASE_ADDED:
        case EVENT_LEASE_CHANGED:
        case EVENT_LEASE_REMOVED:
        case EVENT_POLICY:
        case EVENT_GROUP_FREED:
        case EVENT_RESTORING:
                return;
        }
}

static int init(Ledger *ledger, void *data)
{
        life_set_executor(ledger, execute);
        return 0;
}

const Module lifecycle_module = {.name = "lifecycle", .init = init, .handle = handle};
