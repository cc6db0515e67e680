/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The lifecycle as a table: in which state which event leads where, and by which actions.
 *
 * Every pair of state and event is a row, or cannot happen: life_find() returns NULL, which the executor
 * logs as an error. tests/daemon/test_lifecycle.c goes through all pairs.
 */

#include "core/model/base.h"

typedef enum LifeState {
        LIFE_NEW,         /* on record, nothing has been started */
        LIFE_TAKING,      /* a worker takes the groups */
        LIFE_SETTLING,    /* taken; the requester is answered when the guard has settled */
        LIFE_LEASED,      /* its owner has it */
        LIFE_REVOKING,    /* its owner has it, and has been told that it ends */
        LIFE_WAITING,     /* to be given back, once another worker at it has ended */
        LIFE_RESTORING,   /* a worker gives it back */
        LIFE_QUARANTINED, /* nobody gets its groups until a release has given it back */
        LIFE_GONE,        /* freed; no event reaches it */
        _LIFE_STATE_N,
} LifeState;

typedef enum LifeEvent {
        LIFE_TAKE,           /* start to take it */
        LIFE_NOT_STARTED,    /* no worker could be started; nothing was changed */
        LIFE_TAKEN,          /* the worker has claimed its groups */
        LIFE_REFUSED,        /* the worker could not, and nothing is left of its changes */
        LIFE_REFUSED_HELD,   /* the same, but udev's rules hold a device that joined meanwhile */
        LIFE_TAKE_DIED,      /* the worker died; nobody knows how far it came */
        LIFE_TAKE_BROKEN,    /* the worker could not undo its changes */
        LIFE_TAKE_LATE,      /* the worker is overdue */
        LIFE_SETTLE_FAILED,  /* taken, but it could not be put on record */
        LIFE_GUARDED,        /* the guard has settled, and is what the rule requires */
        LIFE_TOO_WEAK,       /* the guard has settled, and is weaker than the rule requires */
        LIFE_NO_OWNER,       /* the guard has settled, and the owner has gone meanwhile */
        LIFE_OWNER_GONE,     /* the lease fd is closed */
        LIFE_NAME_GONE,      /* the owner's name on the bus has ended */
        LIFE_RELEASE,        /* somebody asks to give it back */
        LIFE_REVOKE,         /* somebody, or the policy, takes it away */
        LIFE_GRACE_OVER,     /* the owner's time to let go is over */
        LIFE_KILLED,         /* its holders have been killed, as far as they were found */
        LIFE_CONDEMN,        /* the policy quarantines it while its owner has it */
        LIFE_CLEAR,          /* the other worker at it has ended */
        LIFE_BLOCKED,        /* another worker is at it still */
        LIFE_RESTORED,       /* given back */
        LIFE_JOINED,         /* given back, but devices joined meanwhile */
        LIFE_RESTORE_FAILED, /* could not be given back */
        LIFE_RESTORE_LATE,   /* the worker that gives it back, or the one before it, is overdue */
        LIFE_RESUME,         /* a former daemon left it in its owner's hands */
        LIFE_RESUME_REVOKED, /* the same, and had told the owner that it ends */
        LIFE_RESUME_BROKEN,  /* a former daemon left it in quarantine */
        _LIFE_EVENT_N,
} LifeEvent;

typedef enum LifeAction {
        _LIFE_ACTION_END,
        LIFE_START_TAKE,
        LIFE_SETTLE,         /* make the claim outlive the daemon; raises LIFE_SETTLE_FAILED */
        LIFE_AWAIT_GUARD,    /* read the machine, which lets the guard settle */
        LIFE_GRANT,          /* audit it, and answer the requester */
        LIFE_ANSWER,         /* answer with the event's code and message */
        LIFE_ANSWER_ENDED,   /* answer that somebody gave it back at once */
        LIFE_DROP,           /* remove its files, forget it, and answer */
        LIFE_FORGET,         /* the same; it has been answered */
        LIFE_KILL_TAKE,
        LIFE_NOTE_NAME_GONE,
        LIFE_NOTE_WAITER,    /* the event's requester waits for the end */
        LIFE_LOG_END,        /* nobody waits for the end; it is logged */
        LIFE_RESTORE,        /* start to give it back; raises LIFE_BLOCKED, LIFE_RESTORE_FAILED */
        LIFE_JOIN_WAIT,      /* the event's requester is answered with the others, or at once */
        LIFE_BEGIN_GRACE,    /* tell the owner; raises LIFE_GRACE_OVER without a grace period */
        LIFE_END_GRACE,      /* kill its holders, or raise LIFE_KILLED at once */
        LIFE_HURRY,          /* kill those who keep it from being given back */
        LIFE_RESUME_GRACE,   /* go on with what a former daemon told the owner */
        LIFE_QUARANTINE,
        LIFE_SHUT_IN_HAND,   /* quarantine it, shut its nodes and stop its devices */
        LIFE_DRAIN,          /* call it draining, and say what keeps it */
        LIFE_FINISH,         /* forget it, and answer everybody who waits */
        LIFE_LOG_OWNER,      /* log that the owner has let go */
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

/* "taking", "restore late"; "invalid" for a value that is none. */
const char *life_state_to_string(LifeState state);
const char *life_event_to_string(LifeEvent event);
