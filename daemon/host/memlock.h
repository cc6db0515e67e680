/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How much memory a process may lock (RLIMIT_MEMLOCK), changed from outside.
 *
 * A process is identified by its number and its start time. A change uses a descriptor of the
 * process and is checked afterwards, so that no other process with that number keeps the limit.
 * Existing children keep their limits.
 */

#include "daemon/host/helper.h"
#include "daemon/host/host.h"

/* Soft and hard, in bytes; UINT64_MAX: none. */
typedef struct MemlockPair {
        uint64_t soft;
        uint64_t hard;
} MemlockPair;

typedef struct MemlockProcess {
        int32_t pid;
        uint64_t start; /* as in /proc/PID/stat */
} MemlockProcess;

/*
 * Reads a process all of whose uids should be `uid`. Returns 0 with the process and its limits; 1
 * if limits do not apply to it; -ESRCH if there is no such process; or -errno.
 */
_nodiscard_ int memlock_look(const HostPaths *host, int32_t pid, uid_t uid,
                             MemlockProcess *ret_process, MemlockPair *ret_limits);

/*
 * Changes its limits from `before` to `after`, through the privileged helper, if there is one. May
 * block: for workers. Returns 0 (the limits are set), -ESRCH (the process has ended), -ESTALE (its
 * limits are not `before`, and stay) or -errno.
 */
_nodiscard_ int memlock_change(const HostPaths *host, const MemlockProcess *process,
                               const MemlockPair *before, const MemlockPair *after);

/* The helper's part (HelperServe). */
int memlock_serve(const HostPaths *host, const HelperRequest *request, int fd, HelperReply *reply,
                  int *ret_fd);
