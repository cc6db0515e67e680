/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Room in the service manager's fd store, where descriptors of leases outlive the daemon.
 *
 * The store has a limit, and drops further descriptors without telling the daemon. After a restart
 * the daemon does not resume a lease that lacks a descriptor. So it refuses a lease for which the
 * store has no room. The service manager gives the limit by FDSTORE in the environment (systemd
 * 254); before that the unit gives its own setting in ISOLATIOND_FDSTORE_MAX.
 */

#include <stddef.h>

#include "daemon/ledger/ledger.h"

/* How many descriptors the store takes; SIZE_MAX if that is unknown or there is no store. */
size_t store_max(void);

/*
 * An upper bound of the descriptors of a lease of that mode in the store, its owner's end included.
 */
size_t store_need(LeaseMode mode, size_t n_groups, size_t n_devices);

/* How many descriptors all leases have in the store, or will have. */
size_t store_used(const Ledger *ledger);

/* Refuses a lease that needs so many descriptors. Returns 0, or REFUSAL_QUOTA with *ret_message. */
_nodiscard_ int store_check(const Ledger *ledger, size_t need, char **ret_message);

/* Whether one more descriptor of a lease has room. */
bool store_has_room(const Ledger *ledger);
