/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The kernel's groups as they are, held against the kernel's groups as they should be and against
 * who can really reach whom.
 *
 * A difference gets a cause only on evidence: a supposition ("that port's ACS was on at boot")
 * counts if the kernel's algorithm, run on a machine changed accordingly, puts the device where the
 * kernel has it, or if the facts it rests on are known to be missing. Otherwise the cause is
 * unknown.
 */

#include "core/model/base.h"
#include "core/model/groups.h"
#include "core/model/snapshot.h"

typedef enum CompareCause {
        COMPARE_UNKNOWN = 0,
        COMPARE_IOMMU_KIND,      /* the IOMMU's groups follow other rules */
        COMPARE_UNCOVERED,       /* a device that no IOMMU covers is in between */
        COMPARE_UNREADABLE,      /* what would separate them could not be read */
        COMPARE_ORDER,           /* devices came in another order */
        COMPARE_OVERRIDE,        /* pcie_acs_override= of a patched kernel */
        COMPARE_COMMAND_LINE,    /* config_acs= or disable_acs_redir= */
        COMPARE_ACS_CHANGED,     /* ACS control is not what it was when the groups were made */
        COMPARE_QUIRK_UNKNOWN,   /* the kernel knows of a device what is not known here */
        COMPARE_INVISIBLE_ALIAS, /* firmware may give them one requester id: IVRS was not read */
        _COMPARE_N,
} CompareCause;

/* A device that the kernel has in other company than was computed. */
typedef struct Mismatch {
        size_t device;
        size_t *observed; /* sorted; empty if the device is in no group */
        size_t n_observed;
        size_t *computed; /* sorted; of those that are in a group, and the device itself */
        size_t n_computed;
        CompareCause cause;
        char *text; /* a sentence */
} Mismatch;

typedef struct Comparison {
        Mismatch *mismatches; /* by device */
        size_t n_mismatches;
        size_t n_observed_groups;
        size_t n_unread;   /* devices of which it is not known whether they have PCI Express */
        size_t n_unplaced; /* devices below a bridge that is not in the snapshot */
        size_t *too_fine; /* observed groups of which a peer is in another: indices into `observed`
                           */
        size_t n_too_fine;
} Comparison;

/*
 * Compares; `observed`, `kernel` and `sound` are the snapshot's partitions. Devices in no group are
 * a mismatch only if the kernel's algorithm has them with devices that are in one, and no two
 * devices are compared that both are in none. Returns 0 or -ENOMEM; the caller frees *ret.
 */
_nodiscard_ int compare_partitions(const Snapshot *snapshot, const Partition *observed,
                                   const Partition *kernel, const Partition *sound,
                                   Comparison **ret_comparison);

Comparison *comparison_free(Comparison *comparison);
DEFINE_CLEANUP(Comparison *, comparison_free);

const char *compare_cause_to_string(CompareCause cause);
