/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Leases whose record cannot be read, or is not there: what the kernel and the service manager still
 * show of them is enough to keep their groups from everybody, and to give them back.
 */

#include "daemon/lease/fdstore.h"
#include "daemon/ledger/ledger.h"

/*
 * Makes a quarantined lease, under its old number, of each lease without a record that has left
 * descriptors of nodes in `store`, where devices behind them are still VFIO's. Nothing of the host is
 * changed. Returns 0 or -errno.
 */
_nodiscard_ int recover_records(Ledger *ledger, const FdStore *store);
