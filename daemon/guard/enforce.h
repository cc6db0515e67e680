/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The host made to be as a lease's record has it, and made to be as it was: the guard's two
 * transactions. Both go from the record alone, compare before they write, and may run twice. For
 * workers.
 */

#include "daemon/host/host.h"
#include "daemon/lease/record.h"

/* Before the name of a joiner's address and that of the host driver it had, on a line. */
#define GUARD_EVICTED "evicted "

/*
 * Makes all changes on record and blocks all joiners. Goes on after a failure; returns 0, or the
 * first Refusal with *ret_message, or -errno. What is gone from the machine is skipped. Whatever it
 * returns, *ret_message begins with a line for each joiner that a host driver had: nobody else may
 * have seen it.
 */
_nodiscard_ int guard_enforce(const HostPaths *host, const LeaseRecord *record, char **ret_message);

/* Undoes the changes on record from `first` on, the last first. Same returns. */
_nodiscard_ int guard_undo(const HostPaths *host, const LeaseRecord *record, size_t first,
                           char **ret_message);
