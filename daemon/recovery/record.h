/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Recovers leases whose record is unreadable or missing. What the kernel and the service manager
 * still show of them is enough to keep their groups from other users, and to give them back.
 */

#include "daemon/lease/fdstore.h"
#include "daemon/ledger/ledger.h"

/*
 * Makes a quarantined lease, with its old number, of each lease without a record whose descriptors
 * of nodes are in `store`, if devices behind them are still bound to VFIO. Changes nothing on the
 * host. Returns 0 or -errno.
 */
_nodiscard_ int recover_records(Ledger *ledger, const FdStore *store);
