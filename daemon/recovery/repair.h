/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Mending what went wrong: leases in quarantine are put back once more, and what a lost lease has
 * left on devices is made a lease of again and given back.
 *
 * By itself it takes only what bears the daemon's own mark, the override that holds joiners. A
 * device that is bound to vfio-pci with an override that says so may be somebody's who bound it by
 * hand: it is told of, and mended only if it is named.
 */

#include "daemon/lease/steps.h"
#include "daemon/ledger/ledger.h"

typedef struct RepairRequest {
        const char *const
                *selectors; /* NULL-terminated: leases by number, groups, devices; none: all */
        bool dry_run;
        uid_t uid; /* whose name the lease of what was left bears */
} RepairRequest;

/*
 * `lines` says what was or would be done, a line each; `n_left` is how much still needs it. Called
 * exactly once, before or after repair() returns. An answer's code is that of the first failure.
 */
typedef void (*RepairDone)(const LeaseAnswer *answer, const LeaseStepTexts *lines, size_t n_left,
                           void *userdata);

void repair(Ledger *ledger, const RepairRequest *request, RepairDone done, void *userdata);
