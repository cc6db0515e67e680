/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Parks reserved groups between leases in leases of the daemon's own, where the policy says so.
 *
 * The override of a reservation keeps host drivers off a device, but not off devices that join its
 * group. A parked group is owned: the kernel refuses every host driver in it, and nothing is mapped
 * for DMA of its members. A user who may lease the group gets it as if it were free.
 */

#include "daemon/ledger/ledger.h"
#include "daemon/limits/request.h"

extern const Module park_module;

/* The function that asks for a lease: request_acquire(). */
typedef void (*ParkAcquire)(Ledger *ledger, const AcquireRequest *request, LeaseDone done,
                            void *userdata);
void park_set_acquire(Ledger *ledger, ParkAcquire acquire);

/* Parks groups that are to be parked, and gives up the others, as of the world just read. */
void park_review(Ledger *ledger);

/*
 * Gives up the parked groups among `groups` (indices into the groups in force), then asks for the
 * lease again. Answers as request_acquire() does.
 */
void park_yield(Ledger *ledger, const size_t *groups, size_t n_groups,
                const AcquireRequest *request, LeaseDone done, void *userdata);
