/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Counts the points of a run and injects the fault at the chosen point. */

#include "tests/daemon/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/sanitized.h"

/* Prime, so that each sweep meets different points. */
#define SANITIZED_STEP 7

typedef struct Shared {
        Fault fault;
        pid_t daemon;
        atomic_uint n;
        atomic_bool struck;
} Shared;

static Shared *shared;
/*
 * Through one pipe a worker reports that it hangs; through the other it learns that it may go on.
 */
static int hung[2] = {-1, -1}, freed[2] = {-1, -1};

static void open_pipes(void)
{
        for (int i = 0; i < 2; i++) {
                (void)close(hung[i]);
                (void)close(freed[i]);
        }
        if (pipe2(hung, O_CLOEXEC) < 0 || pipe2(freed, O_CLOEXEC) < 0)
                abort();
}

void faults_start(const Fault *fault)
{
        if (!shared) {
                void *memory = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

                if (memory == MAP_FAILED)
                        abort();
                shared = memory;
        }
        if (fault->kind == FAULT_HANGS)
                open_pipes();
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

int faults_hang_fd(void)
{
        return shared && shared->fault.kind == FAULT_HANGS ? hung[0] : -1;
}

void faults_end_hang(void)
{
        char byte;

        if (read(hung[0], &byte, 1) != 1 || write(freed[1], "", 1) != 1)
                abort();
}

unsigned faults_step(void)
{
        return IS_SANITIZED ? SANITIZED_STEP : 1;
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

/* A worker has none of the daemon's fds: it opens these two again. */
static void hang(void)
{
        char path[64], byte;

        shared->struck = true;
        (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", shared->daemon, hung[1]);
        int out = open(path, O_WRONLY | O_CLOEXEC);
        (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", shared->daemon, freed[0]);
        int in = open(path, O_RDONLY | O_CLOEXEC);
        if (out < 0 || in < 0 || write(out, "", 1) != 1)
                abort();
        (void)!read(in, &byte, 1);
        (void)close(out);
        (void)close(in);
}

/* The disk is full. A write to the disk is never ignored. */
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
        if (shared->fault.kind == FAULT_HANGS && getpid() != shared->daemon)
                hang();
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
