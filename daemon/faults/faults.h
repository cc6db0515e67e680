/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Faults of the IOMMU that leased devices cause: read from the kernel's log while there is a lease,
 * counted, and told to the owner. Too many at once are EVENT_FAULT_STORM.
 *
 * The kernel holds messages back that come too fast, so a count is a lower bound, and no message
 * proves nothing.
 */

#include "daemon/ledger/ledger.h"

extern const Module faults_module;

/* The time within which faults make a storm. */
#define FAULTS_STORM_SECONDS 10
