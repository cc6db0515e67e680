/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Suppositions that may explain why the kernel's groups differ from the computed ones. Each
 * changes a copy of the machine, on which the kernel's algorithm runs again.
 */

#include "core/model/compare.h"

typedef struct Supposition {
        CompareCause cause;
        /* The token that the command line must have for this supposition, or NULL. */
        const char *token;
        /*
         * Changes a copy of the machine; NULL changes nothing. Returns false if there is nothing
         * to change.
         */
        bool (*apply)(Snapshot *snapshot);
} Supposition;

/* In the order of the attempts; the first one that fits is the cause. */
extern const Supposition compare_suppositions[];
extern const size_t compare_n_suppositions;

/* The words of a kernel's command line that start with `token`, or NULL. */
const char *compare_find_token(const Snapshot *snapshot, const char *token);

/*
 * Changes a machine as a kernel with the override patch and pcie_acs_override=`words` would see it
 * (kernel-facts 2): functions without ACS that the words mean isolate themselves. `words` end at a
 * space. Returns whether anything changed.
 */
bool compare_apply_override(Snapshot *snapshot, const char *words);

/*
 * Runs the kernel's algorithm on the changed machine. Returns 0 and *ret (NULL if the supposition
 * does not apply), which the caller frees, or -ENOMEM.
 */
_nodiscard_ int compare_suppose(const Snapshot *snapshot, const Supposition *supposition,
                                Partition **ret_partition);
