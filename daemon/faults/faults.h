/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * IOMMU faults that leased devices cause. While there is a lease, the daemon reads them from the
 * kernel log, counts them, and reports them to the owner. Too many at once are EVENT_FAULT_STORM.
 *
 * The kernel suppresses messages that come too fast. So a count is a lower bound, and the absence
 * of messages proves nothing.
 */

#include "daemon/ledger/ledger.h"

extern const Module faults_module;

/* The time within which faults count as one storm. */
#define FAULTS_STORM_SECONDS 10
