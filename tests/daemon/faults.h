/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One fault at one point of a run.
 *
 * Whatever is done to the host or to the disk passes here and is counted, in memory that all
 * processes of a run share. At the point that was asked for it fails, does nothing, or ends the
 * process that does it, or the daemon with all its workers.
 */

#include <stdbool.h>
#include <sys/types.h>

typedef enum FaultKind {
        FAULT_NONE,
        FAULT_ERROR,       /* it fails with `error` */
        FAULT_IGNORED,     /* it says that it was done */
        FAULT_WORKER_DIES, /* before it is done; only in a worker */
        FAULT_DIES_BEFORE, /* the daemon and all its workers */
        FAULT_DIES_AFTER,
        FAULT_HANGS, /* until somebody has waited long enough (faults_end_hang()); only in a worker */
} FaultKind;

typedef struct Fault {
        FaultKind kind;
        int error;
        unsigned at; /* counted from 1 */
} Fault;

/* What passes: not everything can fail in every way. */
typedef enum FaultPoint {
        FAULT_POINT_WRITE,  /* to sysfs: all of the above */
        FAULT_POINT_SAVE,   /* to the disk: an error is that it is full, and it is not ignored */
        FAULT_POINT_REMOVE, /* from the disk: works, or somebody dies */
} FaultPoint;

/* Counts from 1 again, up to this fault. */
void faults_start(const Fault *fault);
/* This process is the daemon whose group of processes dies. */
void faults_set_daemon(void);
/* Readable when a worker hangs; -1 where none ever does. Of the daemon's process. */
int faults_hang_fd(void);
void faults_end_hang(void); /* the kernel lets go of it, if it has not been killed */
/* How far it is from one point that is tried to the next: 1, and more with a sanitizer. */
unsigned faults_step(void);
unsigned faults_passed(void); /* points so far */
bool faults_has_struck(void);

/*
 * Before something is done: returns 0 if it is to be done, 1 if it is only to be said so, or
 * -errno. *ret_number is for faults_after().
 */
int faults_before(FaultPoint point, unsigned *ret_number);
void faults_after(unsigned number);
