/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Wraps the functions that start and forget workers. */

#include "tests/daemon/fakeworker.h"

#include <stdlib.h>

#include "daemon/host/worker.h"
#include "tests/daemon/faults.h"

#define RUNNING_MAX 64

/* A worker that is running, and the handler that gets its result. */
typedef struct Running {
        Worker *worker;
        WorkerHandler handler;
} Running;

static Running running[RUNNING_MAX];

int __wrap_worker_start(struct event_base *base, WorkerJob job, const void *context,
                        const VfioFds *fds, unsigned deadline_seconds, const WorkerHandler *handler,
                        Worker **ret_worker);
int __real_worker_start(struct event_base *base, WorkerJob job, const void *context,
                        const VfioFds *fds, unsigned deadline_seconds, const WorkerHandler *handler,
                        Worker **ret_worker);
Worker *__wrap_worker_free(Worker *worker);
Worker *__real_worker_free(Worker *worker);

static void on_done(WorkerResult *result, void *userdata)
{
        Running *entry = userdata;
        WorkerHandler handler = entry->handler;

        *entry = (Running){.worker = NULL};
        handler.done(result, handler.userdata);
}

static void on_overdue(void *userdata)
{
        const Running *entry = userdata;

        if (entry->handler.overdue)
                entry->handler.overdue(entry->handler.userdata);
        else
                worker_kill(entry->worker);
}

int __wrap_worker_start(struct event_base *base, WorkerJob job, const void *context,
                        const VfioFds *fds, unsigned deadline_seconds, const WorkerHandler *handler,
                        Worker **ret_worker)
{
        Running *entry = running;

        while (entry < running + RUNNING_MAX && entry->worker)
                entry++;
        if (entry == running + RUNNING_MAX)
                abort();
        const WorkerHandler ours = {on_done, on_overdue, entry};

        int r = __real_worker_start(base, job, context, fds, deadline_seconds, &ours, ret_worker);
        if (r == 0)
                *entry = (Running){*ret_worker, *handler};
        return r;
}

Worker *__wrap_worker_free(Worker *worker)
{
        for (size_t i = 0; worker && i < RUNNING_MAX; i++)
                if (running[i].worker == worker)
                        running[i] = (Running){.worker = NULL};
        return __real_worker_free(worker);
}

static void on_hang(evutil_socket_t fd, short what, void *userdata)
{
        for (size_t i = 0; i < RUNNING_MAX; i++)
                if (running[i].worker)
                        on_overdue(&running[i]);
        faults_end_hang();
}

struct event *fakeworker_watch(struct event_base *base)
{
        if (faults_hang_fd() < 0)
                return NULL;
        struct event *event =
                event_new(base, faults_hang_fd(), EV_READ | EV_PERSIST, on_hang, NULL);
        if (!event || event_add(event, NULL) < 0)
                abort();
        return event;
}
