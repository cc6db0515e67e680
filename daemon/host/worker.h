/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Runs work that may block in a process of its own.
 *
 * Unbinding, binding and claiming can hang as long as a driver or a VFIO user takes. A worker is a
 * forked child that runs one job, sends back its result and the descriptors that it opened, and
 * exits. The event loop never waits for it: callbacks report its end, a missed deadline, or its
 * death.
 */

#include <event2/event.h>

#include "daemon/host/host.h"
#include "daemon/host/vfio.h"

typedef struct Worker Worker;

/*
 * Runs in the child, which has no fds of the daemon but those in `fds`. Returns 0, a Refusal with
 * *ret_message, or -errno; *fds is then sent to the daemon.
 */
typedef int (*WorkerJob)(const void *context, VfioFds *fds, char **ret_message);

typedef struct WorkerResult {
        int code;            /* result of the job; REFUSAL_STUCK if it died or fds are missing */
        const char *message; /* "" if there is none. Borrowed. */
        VfioFds *fds;        /* the callee may take them, and sets n_items to 0 then */
} WorkerResult;

/*
 * In the worker: sends `n` bytes, in memory of their own, as they may be more than a message takes.
 * In the daemon: reads them, with a NUL behind them. Return 0, *ret (freed by the caller) and
 * *ret_n, or -errno
 * (-EBADMSG: none were sent, or more than `max`).
 */
_nodiscard_ int worker_send(VfioFds *fds, const void *data, size_t n);
_nodiscard_ int worker_receive(const WorkerResult *result, size_t max, char **ret, size_t *ret_n);

typedef struct WorkerHandler {
        /* The worker has exited. It is freed after this returns. Called exactly once. */
        void (*done)(WorkerResult *result, void *userdata);
        /*
         * The deadline passed; the worker goes on. Called at most once, before done. NULL: the
         * worker is killed then.
         */
        void (*overdue)(void *userdata);
        void *userdata;
} WorkerHandler;

/*
 * Starts `job`. The caller keeps `fds`; the child has its own copies. The event loop calls the
 * handler; this function never does. Returns 0 or -errno.
 */
_nodiscard_ int worker_start(struct event_base *base, WorkerJob job, const void *context,
                             const VfioFds *fds, unsigned deadline_seconds,
                             const WorkerHandler *handler, Worker **ret_worker);

/* Frees a worker without waiting for it (NULL is fine); its handler is not called. Returns NULL. */
Worker *worker_free(Worker *worker);
DEFINE_CLEANUP(Worker *, worker_free);

/* Its process. */
pid_t worker_pid(const Worker *worker);

/*
 * Kills the worker, as far as the kernel lets it die; `done` of its handler follows when it has
 * ended.
 */
void worker_kill(Worker *worker);
