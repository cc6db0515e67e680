/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Injects one fault at one point of a run.
 *
 * Every change to the host or the disk passes here. It is counted in memory that all processes of a
 * run share. At the chosen point the change fails, is silently skipped, or ends the process: the
 * worker that makes it, or the daemon with all its workers.
 */

#include <stdbool.h>
#include <sys/types.h>

typedef enum FaultKind {
        FAULT_NONE,
        FAULT_ERROR,       /* it fails with `error` */
        FAULT_IGNORED,     /* it reports success and does nothing */
        FAULT_WORKER_DIES, /* the worker dies before the change */
        FAULT_DIES_BEFORE, /* the daemon and all its workers die */
        FAULT_DIES_AFTER,
        FAULT_HANGS, /* until faults_end_hang() after the deadline; only in a worker */
} FaultKind;

typedef struct Fault {
        FaultKind kind;
        int error;
        unsigned at; /* counted from 1 */
} Fault;

/* The kinds of changes. Not every change can fail in every way. */
typedef enum FaultPoint {
        FAULT_POINT_WRITE,  /* to sysfs: every kind of fault */
        FAULT_POINT_SAVE,   /* to the disk: an error means a full disk; never ignored */
        FAULT_POINT_REMOVE, /* from the disk: it succeeds, or a process dies */
} FaultPoint;

/* Starts counting from 1 again, and arms this fault. */
void faults_start(const Fault *fault);
/* Makes this process the daemon whose process group dies. */
void faults_set_daemon(void);
/* Readable when a worker hangs; -1 if no worker can hang. For the daemon's process. */
int faults_hang_fd(void);
void faults_end_hang(void); /* the kernel releases the worker, if it is still alive */
/* The distance between two points that a sweep tries: 1, and more with a sanitizer. */
unsigned faults_step(void);
unsigned faults_passed(void); /* points so far */
bool faults_has_struck(void);

/*
 * Called before a change: returns 0 if the caller is to make it, 1 if the caller is only to report
 * success, or -errno. Pass *ret_number to faults_after().
 */
int faults_before(FaultPoint point, unsigned *ret_number);
void faults_after(unsigned number);
