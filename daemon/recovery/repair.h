/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Repairs leases after failures: tries again to give back quarantined leases, and makes a lease of
 * the devices that a lost lease has left, to give them back.
 *
 * Without being told, it takes only devices with the daemon's own mark, the override that holds
 * joiners. A device that is bound to vfio-pci with a matching override may have been bound by hand:
 * repair reports it, and takes it only if it is named.
 */

#include "daemon/lease/steps.h"
#include "daemon/ledger/ledger.h"

typedef struct RepairRequest {
        const char *const
                *selectors; /* NULL-terminated: leases by number, groups, devices; none: all */
        bool dry_run;
        uid_t uid; /* the owner of the lease that is made of left devices */
} RepairRequest;

/*
 * `lines` has one line for each thing that was or would be done; `n_left` is how many devices still
 * need repair. Called exactly once, before or after repair() returns. The code of the answer is
 * that of the first failure.
 */
typedef void (*RepairDone)(const LeaseAnswer *answer, const TextList *lines, size_t n_left,
                           void *userdata);

void repair(Ledger *ledger, const RepairRequest *request, RepairDone done, void *userdata);
