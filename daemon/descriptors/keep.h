/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Descriptors that a lease gets while it goes on, of a joiner that was taken or a function that
 * came back: its own in three places at once, on record, in the service manager's store and here.
 */

#include "daemon/ledger/ledger.h"

/*
 * Makes copies of what a worker has claimed the lease's own. Returns 0 and *ret_former, what the
 * lease had, which manager_settle_fds() ends; or -errno, and nothing is kept.
 */
_nodiscard_ int descriptors_keep(Lease *lease, const VfioFds *fds, VfioFds *ret_former);

/* They stay, or, as they could not be saved, they go again; `former` is not to be used after that.
 */
void descriptors_settle(Lease *lease, VfioFds *former, bool keep);
