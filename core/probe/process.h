/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Facts about a process from /proc: its command's name and its unit, for messages, and its memory
 * lock limits. The kernel may have reused a pid since, so these are only hints.
 */

#include "core/model/memlock.h"

#define PROCESS_NAME_SIZE 32
#define PROCESS_UNIT_SIZE 128

typedef struct Process {
        char comm[PROCESS_NAME_SIZE]; /* proc(5); "" if it has ended */
        char unit[PROCESS_UNIT_SIZE]; /* of the service manager, or "" */
} Process;

/*
 * Opens a process's directory, `pid` below `proc` ("/proc"), our own for 0. The descriptor stays
 * bound to that process, even if its pid is reused. Returns it, owned by the caller, or -errno.
 */
_nodiscard_ int process_open(const char *proc, int32_t pid);

/* Reads a small file of a process's directory into a NUL-terminated text; "" on failure. */
void process_read_file(int process, const char *name, char *text, size_t size);

/* Fields that cannot be read stay "" or unknown; all of them if `process` is not a descriptor. */
void process_describe(int process, Process *ret);
void process_read_memlock(int process, MemlockLimit *ret);
