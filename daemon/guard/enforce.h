/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The guard's two transactions: one makes the host match a lease's record, the other restores it.
 * Both use only the record, compare before they write, and may run twice. For workers.
 */

#include "daemon/host/host.h"
#include "daemon/lease/record.h"

/* Starts a line with a joiner's address and the host driver it had. */
#define GUARD_EVICTED "evicted "

/*
 * Makes all changes on record and blocks all joiners. Goes on after a failure, and skips devices
 * that are gone. Returns 0, or the first Refusal with *ret_message, or -errno. In every case
 * *ret_message begins with a line for each joiner that had a host driver, as no other code may have
 * seen it.
 */
_nodiscard_ int guard_enforce(const HostPaths *host, const LeaseRecord *record, char **ret_message);

/* Undoes the changes on record from `first` on, the last one first. Same returns. */
_nodiscard_ int guard_undo(const HostPaths *host, const LeaseRecord *record, size_t first,
                           char **ret_message);
