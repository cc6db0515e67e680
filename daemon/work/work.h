/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The workers of a lease: one way to start them, to wait for them, and to get their results.
 *
 * A lease has two kinds of work. A transition takes its groups or gives them back. Upkeep looks
 * after a lease that has an owner: it blocks joiners, seals ports, recreates virtual functions,
 * takes or expels a joiner, resets, stops devices. There is at most one worker of each kind. A
 * transition that gives back does not run beside upkeep: it waits for the end of upkeep
 * (work_end_upkeep()).
 */

#include "daemon/host/worker.h"
#include "daemon/ledger/ledger.h"

extern const Module work_module;

typedef struct LeaseJob {
        const char *name; /* "the guard's worker"; for errors. Must last */
        WorkerJob run;    /* in the worker; its context is `context`, or the lease */
        const void *context;
        const VfioFds *fds; /* the worker gets copies of these; or NULL */
        unsigned deadline;  /* seconds */
        /*
         * The worker has ended. With `is_ending` the lease is given back next, whatever the result;
         * the callback then only notes what has been done.
         */
        void (*done)(Lease *lease, WorkerResult *result, bool is_ending);
        void (*overdue)(Lease *lease); /* the deadline has passed; the worker goes on */
} LeaseJob;

/* Start a job; none of its kind may run. The handlers are called later. Return 0 or -errno. */
_nodiscard_ int work_start_transition(Lease *lease, const LeaseJob *job);
_nodiscard_ int work_start_upkeep(Lease *lease, const LeaseJob *job);

/* The workers; NULL if there is none. Borrowed. */
Worker *work_transition(const Lease *lease);
Worker *work_upkeep(const Lease *lease);

/* What runs once a lease's upkeep has ended. */
typedef struct WorkSequel {
        void (*run)(Lease *lease);
        void (*late)(Lease *lease, const char *name); /* the job of that name is overdue */
} WorkSequel;

/*
 * Kills the upkeep's worker, which must exist. Runs the sequel once the worker has ended and its
 * job's `done` has returned. `sequel` must last.
 */
void work_end_upkeep(Lease *lease, const WorkSequel *sequel);

/* Whether work_end_upkeep() still waits for the worker. */
bool work_is_ending(const Lease *lease);

/* Runs `next` as soon as the upkeep's worker has ended, before its job's `done`; NULL: nothing. */
void work_after_upkeep(Lease *lease, void (*next)(Lease *lease));

