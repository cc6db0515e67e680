/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Declarations that lives.c and its stub host share. */

#include "daemon/ledger/ledger.h"

/* A command decides how a worker ends. */
struct Worker {
        WorkerHandler handler;
};

/* The worker that was started last; it may have ended. */
extern Worker *lives_last_worker;

/* The machine that each reading returns. */
extern World *lives_world;

int __real_world_read(const HostPaths *host, const World *before, World **ret_world);
