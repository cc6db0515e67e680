/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The two workers of a lease, and what follows when the worker of its upkeep has ended. */

#include "daemon/work/work.h"

typedef struct Work {
        Worker *transition;
        Worker *upkeep;
        LeaseJob transition_job, upkeep_job;
        const WorkSequel *sequel;   /* or NULL */
        void (*next)(Lease *lease); /* or NULL */
} Work;

static void clear(void *part)
{
        Work *own = part;

        worker_free(own->transition);
        worker_free(own->upkeep);
}

const Module work_module = {.name = "work", .lease_size = sizeof(Work), .lease_clear = clear};

DEFINE_LEASE_PART(Work, of, work_module);

Worker *work_transition(const Lease *lease)
{
        return of(lease)->transition;
}

Worker *work_upkeep(const Lease *lease)
{
        return of(lease)->upkeep;
}

bool work_is_ending(const Lease *lease)
{
        return of(lease)->sequel;
}

/* Starts the worker of a job. `ret_worker` is its place in the lease. */
static int start(Lease *lease, const LeaseJob *job, WorkerHandler handler, Worker **ret_worker)
{
        return worker_start(lease->ledger->base, job->run, job->context ? job->context : lease,
                            job->fds, job->deadline, &handler, ret_worker);
}

/* --- transitions ------------------------------------------------------------------------------ */

static void on_transition_done(WorkerResult *result, void *userdata)
{
        Lease *lease = userdata;
        Work *own = of(lease);

        own->transition = NULL;
        own->transition_job.done(lease, result, false);
}

static void on_transition_overdue(void *userdata)
{
        Lease *lease = userdata;

        of(lease)->transition_job.overdue(lease);
}

int work_start_transition(Lease *lease, const LeaseJob *job)
{
        of(lease)->transition_job = *job;
        return start(lease, job, (WorkerHandler){on_transition_done, on_transition_overdue, lease},
                     &of(lease)->transition);
}

/* --- upkeep ----------------------------------------------------------------------------------- */

static void on_upkeep_done(WorkerResult *result, void *userdata)
{
        Lease *lease = userdata;
        Work *own = of(lease);
        const WorkSequel *sequel = own->sequel;
        void (*next)(Lease * lease) = sequel ? NULL : own->next;
        const LeaseJob job = own->upkeep_job;

        own->upkeep = NULL;
        if (next) {
                own->next = NULL;
                next(lease);
        }
        job.done(lease, result, sequel);
        if (sequel) {
                own->sequel = NULL;
                own->next = NULL;
                sequel->run(lease);
        }
}

static void on_upkeep_overdue(void *userdata)
{
        Lease *lease = userdata;
        const Work *own = of(lease);

        own->upkeep_job.overdue(lease);
        if (own->sequel)
                own->sequel->late(lease, own->upkeep_job.name);
}

int work_start_upkeep(Lease *lease, const LeaseJob *job)
{
        of(lease)->upkeep_job = *job;
        return start(lease, job, (WorkerHandler){on_upkeep_done, on_upkeep_overdue, lease},
                     &of(lease)->upkeep);
}

void work_end_upkeep(Lease *lease, const WorkSequel *sequel)
{
        of(lease)->sequel = sequel;
        worker_kill(of(lease)->upkeep);
}

void work_after_upkeep(Lease *lease, void (*next)(Lease *lease))
{
        of(lease)->next = next;
}
