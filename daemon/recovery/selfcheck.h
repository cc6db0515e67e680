/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the doctor asks the daemon of itself: its records, files, aides and room in the service
 * manager's store.
 *
 * Nothing is remembered: each is looked at when somebody asks, so that what has been mended is not
 * told any more. Only files on /run are looked at, in a number that is bounded.
 */

#include "core/model/base.h"
#include "daemon/host/helper.h"
#include "daemon/ledger/ledger.h"

typedef struct SelfFinding {
        const char *id;       /* "records", "files", "aides", "store", "downgrade" */
        const char *level;    /* "ok", "warn" or "fail", as the doctor's */
        const char *what;     /* one line */
        const char *evidence; /* sentences */
        const char *fix;      /* the next step; "" if there is none */
} SelfFinding;

/* A negative return ends the check with it. The finding is borrowed. */
typedef int (*SelfFound)(const SelfFinding *finding, void *userdata);

/* Tells what is found, at least one finding for each id. Returns 0, or what `found` returned. */
_nodiscard_ int selfcheck(const Ledger *ledger, SelfFound found, void *userdata);

/* Whether the socket of an aide is there. */
bool selfcheck_has_helper(const HostPaths *host, HelperRole role);
