/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of the lifecycle share: the data of a lease, and the actions of the table.
 *
 * An action does its work and reports the result as an event (life_raise()). Only the executor
 * decides what follows.
 */

#include "daemon/lifecycle/lifecycle.h"
#include "daemon/lifecycle/table.h"

/* The arguments of an event. */
typedef struct LifeNews {
        int code;            /* 0, a Refusal, or -errno */
        const char *message; /* or NULL */
        VfioFds *fds;        /* claimed by a worker; to be taken over */
        LeaseDone done;      /* of the requester, or NULL */
        void *userdata;
        const RevokeRequest *revoke;
} LifeNews;

/* How to take a lease: copied from its request and plan. */
typedef struct LifeWish {
        LeaseMode others[_LEASE_MODE_N]; /* further modes, if that of the record fails */
        size_t n_others;
        bool force;                   /* root asked to ignore uses by the host */
        bool release_console;         /* root asked to unbind consoles from its screens */
        char driver[LEASE_NAME_SIZE]; /* the requested driver; "": the best for each device */
} LifeWish;

typedef struct LeaseLife {
        LifeState state;
        LifeWish wish;
        int forced_fd;  /* memory for the uses that force overrides, or -1 */
        LeaseDone done; /* the requester, waiting for the worker, or NULL */
        void *done_userdata;
        LeaseDone revoke_done; /* the requester that revokes it, or NULL */
        void *revoke_userdata;
        struct event *grace;        /* the end of its owner's grace period, or NULL */
        bool is_name_gone;          /* its owner's name on the bus has ended */
        char *memory_warning;       /* or NULL */
        size_t n_joined;            /* devices that have joined since this daemon began */
        size_t n_restoring;         /* how many of these the running restore knows */
        char *report;               /* on resets so far while it is given back, or NULL */
} LeaseLife;

LeaseLife *life_of(const Lease *lease);

/* Reports an event to the executor, which acts before this returns. It may free the lease. */
void life_raise(Lease *lease, LifeEvent event, const LifeNews *news);

/* The same with only a code and a message. */
void life_raise_code(Lease *lease, LifeEvent event, int code, const char *message);

/* Sets the executor. */
void life_set_executor(Ledger *ledger,
                       void (*execute)(Lease *lease, LifeEvent event, const LifeNews *news));

/* Answers the requester of the lease, and the one that revokes it. */
void life_answer(Lease *lease, int code, const char *message);

/* Removes the files of the lease, and frees it. */
void life_drop(Lease *lease);

/* --- wait.c: workers that hang ------------------------------------------------------------------ */

/* A worker may hang: if it has not ended after that time, the lease is called stuck. */
void life_expect_end(Lease *lease, unsigned seconds);

/* The worker has ended: clears the text about the wait. */
void life_end_wait(Lease *lease);

/* Whether a worker of a former daemon still hangs at the lease. Raises LIFE_CLEAR when it ends. */
bool life_await_former(Lease *lease);

/* --- actions ------------------------------------------------------------------------------------ */

/*
 * An action of the table. Returns whether the row goes on. False: the action has raised an event or
 * will raise one, or has freed the lease.
 */
typedef bool LifeDo(Lease *lease, const LifeNews *news);

LifeDo life_start_take, life_kill_take;                 /* take.c */
LifeDo life_settle, life_await_guard, life_grant;       /* settle.c */
LifeDo life_restore, life_finish;                       /* restore.c */
LifeDo life_quarantine, life_shut_in_hand;              /* quarantine.c */
LifeDo life_begin_grace, life_end_grace, life_resume_grace, life_hurry; /* revoke.c */
LifeDo life_drain, life_join_wait;                      /* wait.c */
