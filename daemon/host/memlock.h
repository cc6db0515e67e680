/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a process may lock (RLIMIT_MEMLOCK), changed from outside.
 *
 * A process is known by its number and when it began; what is changed is bound to a descriptor of
 * the process, and looked at again afterwards, so that nobody else who gets the number keeps the
 * limit. Children that were there before keep theirs.
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
 * Looks at a process that should be all of `uid`. Returns 0 with what it is and may lock; 1 if that
 * does not matter, since it may lock what it wants; -ESRCH if there is none such; or -errno.
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
