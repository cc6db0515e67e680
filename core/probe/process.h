/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A process as /proc tells of it: its command's name and its unit, for a sentence; and what it may
 * lock. Who was told of by a number may be another one by now: a hint, and never more.
 */

#include "core/model/memlock.h"

#define PROCESS_NAME_SIZE 32
#define PROCESS_UNIT_SIZE 128

typedef struct Process {
        char comm[PROCESS_NAME_SIZE]; /* proc(5); "" if it has ended */
        char unit[PROCESS_UNIT_SIZE]; /* of the service manager, or "" */
} Process;

/*
 * A process's directory, `pid` below `proc` ("/proc"), our own if that is 0; while it is open it is that
 * process's, whoever gets its number. Returns the descriptor, the caller's, or -errno.
 */
_nodiscard_ int process_open(const char *proc, int32_t pid);

/*
 * Reads a small file of a process's directory into a text that is NUL-ended; "" if that cannot be done.
 */
void process_read_file(int process, const char *name, char *text, size_t size);

/* What cannot be read stays "", or is not known; so does all of a `process` that is no descriptor. */
void process_describe(int process, Process *ret);
void process_read_memlock(int process, MemlockLimit *ret);
