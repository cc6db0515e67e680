/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Compares the kernel's groups with the groups that its rules give, and with the sound groups.
 *
 * A difference gets a cause only with evidence. Either a supposition ("that port's ACS was on at
 * boot") fits: the kernel's algorithm, run on a machine changed in that way, gives the kernel's
 * group. Or facts that the rules need are missing. Otherwise the cause is unknown.
 */

#include "core/model/base.h"
#include "core/model/groups.h"
#include "core/model/snapshot.h"

typedef enum CompareCause {
        COMPARE_UNKNOWN = 0,
        COMPARE_IOMMU_KIND,      /* the IOMMU has other grouping rules */
        COMPARE_UNCOVERED,       /* it depends on a device that no IOMMU covers */
        COMPARE_UNREADABLE,      /* a fact that would separate them is unknown */
        COMPARE_ORDER,           /* the devices were added in another order */
        COMPARE_OVERRIDE,        /* pcie_acs_override= of a patched kernel */
        COMPARE_COMMAND_LINE,    /* config_acs= or disable_acs_redir= */
        COMPARE_ACS_CHANGED,     /* ACS control has changed since the groups were made */
        COMPARE_QUIRK_UNKNOWN,   /* the kernel has a quirk that isolationd does not know */
        COMPARE_INVISIBLE_ALIAS, /* firmware may give them one requester id: IVRS was not read */
        _COMPARE_N,
} CompareCause;

/* A device whose kernel group and computed group differ. */
typedef struct Mismatch {
        size_t device;
        size_t *observed; /* sorted; empty if the device is in no group */
        size_t n_observed;
        size_t *computed; /* sorted; only members with a kernel group, and the device itself */
        size_t n_computed;
        CompareCause cause;
        char *text; /* a sentence */
} Mismatch;

typedef struct Comparison {
        Mismatch *mismatches; /* by device */
        size_t n_mismatches;
        size_t n_observed_groups;
        size_t n_unread;   /* devices whose PCI Express capability is unknown */
        size_t n_unplaced; /* devices below a bridge that is not in the snapshot */
        size_t *too_fine;  /* observed groups with a peer elsewhere: indices into `observed` */
        size_t n_too_fine;
} Comparison;

/*
 * Compares the partitions `observed`, `kernel` and `sound` of the snapshot. A device without a
 * kernel group is a mismatch only if the kernel's algorithm joins it with devices that have one.
 * Returns 0 or -ENOMEM; the caller frees *ret.
 */
_nodiscard_ int compare_partitions(const Snapshot *snapshot, const Partition *observed,
                                   const Partition *kernel, const Partition *sound,
                                   Comparison **ret_comparison);

Comparison *comparison_free(Comparison *comparison);
DEFINE_CLEANUP(Comparison *, comparison_free);

const char *compare_cause_to_string(CompareCause cause);
