/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of the lifecycle share: the data of a lease's life, and the actions of the table.
 *
 * An action does its part and reports what came of it as an event (life_raise()). Only the executor
 * decides what follows.
 */

#include "daemon/lifecycle/lifecycle.h"
#include "daemon/lifecycle/table.h"

/* What an event brings along. */
typedef struct LifeNews {
        int code;            /* 0, a Refusal, or -errno */
        const char *message; /* or NULL */
        VfioFds *fds;        /* that a worker has claimed; to be taken over */
        LeaseDone done;      /* of the requester, or NULL */
        void *userdata;
        const RevokeRequest *revoke;
} LifeNews;

/* How a lease is to be taken: copied from its request and plan. */
typedef struct LifeWish {
        LeaseMode others[_LEASE_MODE_N]; /* that would do if the kernel cannot do the record's mode */
        size_t n_others;
        bool force;                   /* root asked to take it even if the host lives on it */
        bool release_console;         /* root asked to take the host's console off its screens */
        char driver[LEASE_NAME_SIZE]; /* asked for; "": the best for each device */
} LifeWish;

typedef struct LeaseLife {
        LifeState state;
        LifeWish wish;
        int forced_fd;              /* memory where the worker notes what speaks against force, or -1 */
        LeaseDone done;             /* who waits for the worker, or NULL */
        void *done_userdata;
        LeaseDone revoke_done;      /* who revokes it, or NULL */
        void *revoke_userdata;
        struct event *grace;        /* the end of its owner's grace period, or NULL */
        bool is_name_gone;          /* its owner's name on the bus has ended */
        char *memory_warning;       /* or NULL */
        size_t n_joined;            /* devices that have joined since this daemon began */
        size_t n_restoring;         /* of these, those that the running restore knows of */
        char *report;               /* of resets so far while it is given back, or NULL */
} LeaseLife;

LeaseLife *life_of(const Lease *lease);

/* Reports an event to the executor, which acts on it before this returns. The lease may be gone then. */
void life_raise(Lease *lease, LifeEvent event, const LifeNews *news);

/* The same with only a code and a message. */
void life_raise_code(Lease *lease, LifeEvent event, int code, const char *message);

/* Sets the executor. */
void life_set_executor(Ledger *ledger,
                       void (*execute)(Lease *lease, LifeEvent event, const LifeNews *news));

/* Answers who waits for the lease's worker, and who revokes it. */
void life_answer(Lease *lease, int code, const char *message);

/* Removes the lease's files, and forgets it. */
void life_drop(Lease *lease);

/* --- wait.c: workers that hang ------------------------------------------------------------------ */

/* A worker hangs: after that time the lease is called stuck, if it has not ended. */
void life_expect_end(Lease *lease, unsigned seconds);

/* The worker has ended, and so has what was said of its hanging. */
void life_end_wait(Lease *lease);

/* Why it waits, or NULL. */
const char *life_waits_for(const Lease *lease);

/* Whether a worker of a former daemon still hangs at the lease; LIFE_CLEAR is raised when it ends. */
bool life_await_former(Lease *lease);
bool life_has_former(const Lease *lease);

/* --- actions ------------------------------------------------------------------------------------ */

/*
 * An action of the table. Returns whether the row goes on; false: the action has raised an event, may
 * do so before it returns, or has freed the lease.
 */
typedef bool LifeDo(Lease *lease, const LifeNews *news);

LifeDo life_start_take, life_kill_take;                 /* take.c */
LifeDo life_settle, life_await_guard, life_grant;       /* settle.c */
LifeDo life_restore, life_finish;                       /* restore.c */
LifeDo life_quarantine, life_shut_in_hand;              /* quarantine.c */
LifeDo life_begin_grace, life_end_grace, life_resume_grace, life_hurry; /* revoke.c */
LifeDo life_drain, life_join_wait;                      /* wait.c */
