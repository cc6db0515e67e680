/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The lifecycle as a table: for each state and event, the next state and the actions.
 *
 * Every pair of state and event has a row, or cannot happen: then life_find() returns NULL, and the
 * executor logs an error. tests/daemon/test_lifecycle.c checks all pairs.
 */

#include "core/model/base.h"

typedef enum LifeState {
        LIFE_NEW,         /* on record; nothing was started */
        LIFE_TAKING,      /* a worker takes the groups */
        LIFE_SETTLING,    /* taken; the guard has to settle before the answer */
        LIFE_LEASED,      /* its owner has it */
        LIFE_REVOKING,    /* its owner has it, and knows that it ends */
        LIFE_WAITING,     /* to be given back when another worker has ended */
        LIFE_RESTORING,   /* a worker gives it back */
        LIFE_QUARANTINED, /* no user gets its groups until a release succeeds */
        LIFE_GONE,        /* freed; no event reaches it */
        _LIFE_STATE_N,
} LifeState;

typedef enum LifeEvent {
        LIFE_TAKE,           /* start to take it */
        LIFE_NOT_STARTED,    /* no worker could be started; nothing was changed */
        LIFE_TAKEN,          /* the worker has claimed its groups */
        LIFE_REFUSED,        /* the worker failed, and has undone its changes */
        LIFE_REFUSED_HELD,   /* the same, but the udev rules hold a device that joined */
        LIFE_TAKE_DIED,      /* the worker died; its progress is unknown */
        LIFE_TAKE_BROKEN,    /* the worker could not undo its changes */
        LIFE_TAKE_LATE,      /* the worker is overdue */
        LIFE_SETTLE_FAILED,  /* taken, but could not be put on record */
        LIFE_GUARDED,        /* the guard has settled, and is what the rule requires */
        LIFE_TOO_WEAK,       /* the guard has settled, and is weaker than the rule requires */
        LIFE_NO_OWNER,       /* the guard has settled, and the owner has gone meanwhile */
        LIFE_OWNER_GONE,     /* the lease fd is closed */
        LIFE_NAME_GONE,      /* the owner's name on the bus has ended */
        LIFE_RELEASE,        /* a request to release it */
        LIFE_REVOKE,         /* a request, or the policy, revokes it */
        LIFE_GRACE_OVER,     /* the grace period is over */
        LIFE_KILLED,         /* its holders, as far as found, were killed */
        LIFE_CONDEMN,        /* the policy quarantines it while its owner has it */
        LIFE_CLEAR,          /* the other worker at it has ended */
        LIFE_BLOCKED,        /* another worker is still at it */
        LIFE_RESTORED,       /* given back */
        LIFE_JOINED,         /* given back, but devices joined meanwhile */
        LIFE_RESTORE_FAILED, /* could not be given back */
        LIFE_RESTORE_LATE,   /* the worker that gives it back, or the one before it, is overdue */
        LIFE_RESUME,         /* a former daemon left it with its owner */
        LIFE_RESUME_REVOKED, /* the same, and had revoked it */
        LIFE_RESUME_BROKEN,  /* a former daemon left it in quarantine */
        _LIFE_EVENT_N,
} LifeEvent;

typedef enum LifeAction {
        _LIFE_ACTION_END,
        LIFE_START_TAKE,
        LIFE_SETTLE,       /* make the claim survive the daemon; raises LIFE_SETTLE_FAILED */
        LIFE_AWAIT_GUARD,  /* read the machine, so that the guard settles */
        LIFE_GRANT,        /* audit it, and answer the requester */
        LIFE_ANSWER,       /* answer with the event's code and message */
        LIFE_ANSWER_ENDED, /* answer that somebody released it */
        LIFE_DROP,         /* remove its files, free it, and answer */
        LIFE_FORGET,       /* the same without an answer */
        LIFE_KILL_TAKE,
        LIFE_NOTE_NAME_GONE,
        LIFE_NOTE_WAITER,  /* the requester waits for the end */
        LIFE_LOG_END,      /* no requester waits for the end; log it */
        LIFE_RESTORE,      /* start to give it back; raises LIFE_BLOCKED, LIFE_RESTORE_FAILED */
        LIFE_JOIN_WAIT,    /* answer the requester with the others, or at once */
        LIFE_BEGIN_GRACE,  /* tell the owner; raises LIFE_GRACE_OVER without a grace period */
        LIFE_END_GRACE,    /* kill its holders, or raise LIFE_KILLED at once */
        LIFE_HURRY,        /* kill processes that keep it from being given back */
        LIFE_RESUME_GRACE, /* continue the grace period of a former daemon */
        LIFE_QUARANTINE,
        LIFE_SHUT_IN_HAND, /* quarantine it, shut its nodes and stop its devices */
        LIFE_DRAIN,        /* call it draining, and say what it waits for */
        LIFE_FINISH,       /* free it, and answer all requesters */
        LIFE_LOG_OWNER,    /* log that the owner closed its lease fd */
        _LIFE_ACTION_N,
} LifeAction;

#define LIFE_ACTIONS_MAX 4

typedef struct LifeRow {
        LifeState state;
        LifeEvent event;
        LifeState next;
        LifeAction actions[LIFE_ACTIONS_MAX]; /* in order, ended by _LIFE_ACTION_END or the array's end */
} LifeRow;

/* The row for a pair, or NULL if it cannot happen. */
const LifeRow *life_find(LifeState state, LifeEvent event);

/* "taking", "restore late"; "invalid" for an invalid value. */
const char *life_state_to_string(LifeState state);
const char *life_event_to_string(LifeEvent event);
