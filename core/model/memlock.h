/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How much memory a program must be able to lock so that its devices can access it, and how much
 * it may lock.
 *
 * The kernel pins every page that a device can access, and counts it against RLIMIT_MEMLOCK of the
 * process that maps it (VFIO type1; iommufd as leases set it up), once for each address space. One
 * lease is one address space; a guest with its own IOMMU has one for each group, and each may map
 * all memory. The kernel does not count for a process with CAP_IPC_LOCK (kernel-facts 4.3).
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/model/base.h"

/*
 * Memory that a virtual machine maps besides RAM: firmware, ROMs, video memory. BARs are not
 * counted.
 */
#define MEMLOCK_HEADROOM (UINT64_C(64) << 20)

typedef struct MemlockLimit {
        bool known;
        bool unlimited;
        bool exempt;     /* CAP_IPC_LOCK in the initial user namespace */
        uint64_t limit;  /* soft, bytes; UINT64_MAX if unlimited */
        uint64_t hard;   /* the process may raise the soft limit up to this; UINT64_MAX: any */
        uint64_t locked; /* now, in bytes */
} MemlockLimit;

typedef enum MemlockVerdict {
        MEMLOCK_UNKNOWN, /* the limit or the need is unknown */
        MEMLOCK_ENOUGH,
        MEMLOCK_TOO_SMALL, /* mapping will fail with ENOMEM */
        _MEMLOCK_N,
} MemlockVerdict;

/* "unknown", "enough", "too-small". */
const char *memlock_verdict_to_string(MemlockVerdict verdict);

/* Parses "16G", "512M", "4096K", "1T" or bytes. Returns false for another text, or on overflow. */
_nodiscard_ bool memlock_parse_size(const char *text, uint64_t *ret);

/*
 * The need of `ram` bytes in that many address spaces, with headroom in each; at most UINT64_MAX.
 */
uint64_t memlock_need(uint64_t ram, uint64_t n_spaces);

/* The largest RAM that fits a limit; UINT64_MAX if there is no limit. */
uint64_t memlock_allowed_ram(const MemlockLimit *limit, uint64_t n_spaces);

MemlockVerdict memlock_judge(uint64_t need, const MemlockLimit *limit);

/* A limit that is too small, and the process and user that it concerns. */
typedef struct MemlockCase {
        const MemlockLimit *limit;
        uint64_t need;
        int32_t pid;      /* of the process; 0: the limit of the reader's shell */
        bool is_root;     /* the reader is root */
        const char *unit; /* systemd unit of the process, or "" */
} MemlockCase;

/*
 * The next step for the reader, as text: only root can raise the hard limit. Freed by the caller;
 * NULL if memory is short.
 */
char *memlock_advise(const MemlockCase *subject);

/*
 * Parses /proc/PID/limits, status and uid_map (proc(5)); an unreadable file is "". Facts that they
 * lack are unknown.
 */
MemlockLimit memlock_parse(const char *limits, const char *status, const char *uid_map);
