/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A process as /proc tells of it: its command's name and its unit, for a sentence; and what it may
 * lock. By its number, so it may be another one by now: a hint, and never more.
 */

#include "core/model/memlock.h"

#define PROCESS_NAME_SIZE 32
#define PROCESS_UNIT_SIZE 128

typedef struct Process {
        char comm[PROCESS_NAME_SIZE]; /* proc(5); "" if it has ended */
        char unit[PROCESS_UNIT_SIZE]; /* of the service manager, or "" */
} Process;

/*
 * `proc` is "/proc", `pid` the name of a directory there, or "self". What cannot be read stays "",
 * or is not known.
 */
void process_describe(const char *proc, const char *pid, Process *ret);
void process_read_memlock(const char *proc, const char *pid, MemlockLimit *ret);
