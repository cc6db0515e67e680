/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Room in the service manager's store, where descriptors of leases outlive the daemon.
 *
 * The store takes so many and drops the rest without a word to us, and a lease that has not got all
 * of its descriptors back does not go on. So a lease that has no room there is refused before it
 * begins. How much there is the service manager tells by FDSTORE in the environment (systemd 254);
 * before that the unit says in ISOLATIOND_FDSTORE_MAX what it has set.
 */

#include <stddef.h>

#include "daemon/ledger/ledger.h"

/* How many descriptors the store takes; SIZE_MAX if it is not known, or if there is no store. */
size_t store_max(void);

/*
 * How many descriptors a lease of that mode has in the store, its owner's end included: no fewer
 * than it will come to.
 */
size_t store_need(LeaseMode mode, size_t n_groups, size_t n_devices);

/* How many all leases have there, or will have. */
size_t store_used(const Ledger *ledger);

/* Refuses a lease that needs so many descriptors. Returns 0, or REFUSAL_QUOTA with *ret_message. */
_nodiscard_ int store_check(const Ledger *ledger, size_t need, char **ret_message);

/* Whether one more descriptor of a lease has room. */
bool store_has_room(const Ledger *ledger);
