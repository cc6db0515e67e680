/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The IOMMU's faults of leased devices: read from the kernel's log while there is a lease, counted,
 * told to the owner; too many at once may end the lease, if its rule says so.
 *
 * The log is a hint, and a limited one: the kernel holds back what comes too fast. A count is a lower
 * bound; none at all proves nothing.
 */

#include "core/model/base.h"

typedef struct Faults Faults;
typedef struct Ledger Ledger;

/* How long the faults that make a storm may take. */
#define FAULTS_STORM_SECONDS 10

/* Returns 0 and *ret, or -ENOMEM. The manager outlives it. `path` ("/dev/kmsg") is borrowed. */
_nodiscard_ int faults_new(Ledger *ledger, const char *path, Faults **ret_faults);

/* NULL is fine; returns NULL. */
Faults *faults_free(Faults *faults);
DEFINE_CLEANUP(Faults *, faults_free);

/* Reads the log from now on if there is a lease, and no more if there is none. */
void faults_review(Faults *faults);
