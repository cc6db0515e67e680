/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What lives.c and what stands in for its host share. */

#include "daemon/ledger/ledger.h"

/* How a worker ends is a command's to say. */
struct Worker {
        WorkerHandler handler;
};

/* The one that was started last: it may have ended. */
extern Worker *lives_last_worker;

/* The machine that is read each time. */
extern World *lives_world;

int __real_world_read(const HostPaths *host, const World *before, World **ret_world);
