/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The self-check of the daemon for `isoctl doctor`: its records, files, helpers, and its room in
 * the store of the service manager.
 *
 * Each call checks the present state, so that a repaired problem is no longer reported. It reads
 * only files on /run, and a bounded number of them.
 */

#include "core/model/base.h"
#include "daemon/host/helper.h"
#include "daemon/ledger/ledger.h"

typedef struct SelfFinding {
        const char *id;       /* "records", "files", "helpers", "store", "downgrade" */
        const char *level;    /* "ok", "warn" or "fail", as the doctor's */
        const char *what;     /* one line */
        const char *evidence; /* sentences */
        const char *fix;      /* the next step; "" if there is none */
} SelfFinding;

/* A negative return ends the check with that value. The finding is borrowed. */
typedef int (*SelfFound)(const SelfFinding *finding, void *userdata);

/*
 * Calls `found` for each finding, at least once for each id. Returns 0, or what `found` returned.
 */
_nodiscard_ int selfcheck(const Ledger *ledger, SelfFound found, void *userdata);

/* Whether the socket of a helper exists. */
bool selfcheck_has_helper(const HostPaths *host, HelperRole role);
