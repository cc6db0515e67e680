/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reserved groups between leases: parked, where the policy says so, in a lease of the daemon's own.
 *
 * A reservation keeps host drivers off a device by its override, but not off devices that join its
 * group. A parked group is owned: the kernel refuses every host driver in it, and nothing is mapped
 * for its members' DMA. A user who may lease the group gets it as if it were free.
 */

#include "daemon/ledger/ledger.h"
#include "daemon/limits/request.h"

extern const Module park_module;

/* Asks for a lease: request_acquire(). */
typedef void (*ParkAcquire)(Ledger *ledger, const AcquireRequest *request, LeaseDone done,
                            void *userdata);
void park_set_acquire(Ledger *ledger, ParkAcquire acquire);

/* Parks groups that are to be parked, and gives up the others, as of the world just read. */
void park_review(Ledger *ledger);

/*
 * Gives up the parked groups among `groups` (indices into the groups in force), then asks for the
 * lease again. Answered as request_acquire() is.
 */
void park_yield(Ledger *ledger, const size_t *groups, size_t n_groups,
                const AcquireRequest *request, LeaseDone done, void *userdata);
