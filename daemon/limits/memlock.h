/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The limit on locked memory of the process that asks for a lease (manager_memlock.c).
 */

#include "daemon/host/memlock.h"
#include "daemon/ledger/ledger.h"

/* Raise what the lease's process may lock to what is on record, and put it back: for workers. */
void memlock_raise(const Lease *lease);
void memlock_lower(const Lease *lease);

/* Once it should be raised: whoever asked is warned if it is not. */
void memlock_check_raised(Lease *lease);
