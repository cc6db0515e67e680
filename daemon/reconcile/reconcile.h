/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One reading of the machine, and what each module does about it. Read reconcile() first: it is the
 * daemon in one function.
 */

#include "daemon/ledger/ledger.h"

/*
 * Creates the ledger of the daemon, with all its modules and the reader below. Returns 0 and *ret,
 * or -errno; the caller frees *ret by ledger_free() after the event loop has ended.
 */
_nodiscard_ int daemon_new(struct event_base *base, const HostPaths *host,
                           const char *state_directory, Ledger **ret_ledger);
