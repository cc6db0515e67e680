/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Counting, and dying in time. */

#include "tests/daemon/faults.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct Shared {
        Fault fault;
        pid_t daemon;
        atomic_uint n;
        atomic_bool struck;
} Shared;

static Shared *shared;

void faults_start(const Fault *fault)
{
        if (!shared) {
                void *memory = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

                if (memory == MAP_FAILED)
                        abort();
                shared = memory;
        }
        shared->fault = *fault;
        shared->daemon = 0;
        shared->n = 0;
        shared->struck = false;
}

void faults_set_daemon(void)
{
        if (setpgid(0, 0) < 0)
                abort();
        shared->daemon = getpid();
}

unsigned faults_passed(void)
{
        return shared->n;
}

bool faults_has_struck(void)
{
        return shared->struck;
}

static _Noreturn void die(void)
{
        shared->struck = true;
        if (shared->daemon != 0)
                (void)kill(-shared->daemon, SIGKILL);
        _exit(99);
}

/* A disk that is full: nothing is ignored there. */
static int strike_at_disk(FaultPoint point)
{
        if (shared->fault.kind != FAULT_ERROR || point != FAULT_POINT_SAVE)
                return 0;
        shared->struck = true;
        return -ENOSPC;
}

int faults_before(FaultPoint point, unsigned *ret_number)
{
        *ret_number = ++shared->n;
        if (*ret_number != shared->fault.at)
                return 0;
        if (shared->fault.kind == FAULT_DIES_BEFORE)
                die();
        if (shared->fault.kind == FAULT_WORKER_DIES && getpid() != shared->daemon) {
                shared->struck = true;
                _exit(99);
        }
        if (point != FAULT_POINT_WRITE)
                return strike_at_disk(point);
        if (shared->fault.kind != FAULT_ERROR && shared->fault.kind != FAULT_IGNORED)
                return 0;
        shared->struck = true;
        return shared->fault.kind == FAULT_IGNORED ? 1 : -shared->fault.error;
}

void faults_after(unsigned number)
{
        if (number == shared->fault.at && shared->fault.kind == FAULT_DIES_AFTER)
                die();
}
