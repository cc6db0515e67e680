/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The start of the daemon: resumes the leases of the former one, or gives them back. */

#include "daemon/lease/fdstore.h"
#include "daemon/ledger/ledger.h"

/*
 * Loads, in this order, the policy, the machine, the leases of the former daemon (with their fds
 * from `store`), and the queue. Returns 0 or -errno.
 */
_nodiscard_ int recovery_start(Ledger *ledger, FdStore *store);
