/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The start of a daemon: what the former one left is taken up, or put back. */

#include "daemon/lease/fdstore.h"
#include "daemon/ledger/ledger.h"

/*
 * Loads, in this order, the policy, the machine, the leases of the former daemon (their fds come from
 * `store`), and the queue. Returns 0 or -errno.
 */
_nodiscard_ int recovery_start(Ledger *ledger, FdStore *store);
