/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How much memory a program must be allowed to lock so that its devices can reach it, and how much
 * it is.
 *
 * Every page that a device may reach is pinned, and counts against RLIMIT_MEMLOCK of the process
 * that maps it (VFIO type1; iommufd as leases set it up), once for each address space that it is
 * mapped in. One lease is one address space; a guest with an IOMMU of its own has one for each
 * group, and all memory may be in each. A process with CAP_IPC_LOCK is not counted
 * (kernel-facts 4.3).
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/model/base.h"

/* What a virtual machine maps besides its RAM: firmware, ROMs, video memory. BARs are not counted.
 */
#define MEMLOCK_HEADROOM (UINT64_C(64) << 20)

typedef struct MemlockLimit {
        bool known;
        bool unlimited;
        bool exempt;     /* CAP_IPC_LOCK, and not of a user namespace only */
        uint64_t limit;  /* soft, bytes; UINT64_MAX if unlimited */
        uint64_t hard;   /* the process may raise it so far itself; UINT64_MAX: at will */
        uint64_t locked; /* already, bytes */
} MemlockLimit;

typedef enum MemlockVerdict {
        MEMLOCK_UNKNOWN, /* the limit or the need is */
        MEMLOCK_ENOUGH,
        MEMLOCK_TOO_SMALL, /* mapping will fail with ENOMEM */
        _MEMLOCK_N,
} MemlockVerdict;

/* "unknown", "enough", "too-small". */
const char *memlock_verdict_to_string(MemlockVerdict verdict);

/* "16G", "512M", "4096K", "1T" or bytes. Returns false for anything else, or what does not fit. */
_nodiscard_ bool memlock_parse_size(const char *text, uint64_t *ret);

/* What `ram` bytes in so many address spaces need, with headroom in each; at most UINT64_MAX. */
uint64_t memlock_need(uint64_t ram, uint64_t n_spaces);

/* How much RAM there can be under a limit; UINT64_MAX if there is none. */
uint64_t memlock_allowed_ram(const MemlockLimit *limit, uint64_t n_spaces);

MemlockVerdict memlock_judge(uint64_t need, const MemlockLimit *limit);

/* A limit that is too small, and who is to raise it. */
typedef struct MemlockCase {
        const MemlockLimit *limit;
        uint64_t need;
        int32_t pid;      /* of the process; 0: it has the limit of the reader's shell */
        bool is_root;     /* whoever reads it is */
        const char *unit; /* of the service manager, that the process is in, or "" */
} MemlockCase;

/*
 * What the reader can do about it, in words: beyond the hard limit only root raises it. Freed by
 * the caller; NULL if memory is short.
 */
char *memlock_advise(const MemlockCase *subject);

/*
 * What /proc/PID/limits, status and uid_map say (proc(5)); a file that could not be read is "".
 * What they do not say is not known.
 */
MemlockLimit memlock_parse(const char *limits, const char *status, const char *uid_map);
