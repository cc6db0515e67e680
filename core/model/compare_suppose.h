/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Suppositions about why the kernel's groups are not those computed: a changed machine each, on
 * which the kernel's algorithm is run again.
 */

#include "core/model/compare.h"

typedef struct Supposition {
        CompareCause cause;
        /* What a machine needs for this to be worth a try: a token of the command line, or NULL. */
        const char *token;
        /* Changes a copy of the machine; NULL changes nothing. Returns false if there is nothing.
         */
        bool (*apply)(Snapshot *snapshot);
} Supposition;

/* In the order in which they are tried; the first that fits is the cause. */
extern const Supposition compare_suppositions[];
extern const size_t compare_n_suppositions;

/* The words of a kernel's command line that start with `token`, or NULL. */
const char *compare_find_token(const Snapshot *snapshot, const char *token);

/*
 * Runs the kernel's algorithm on the machine as supposed. Returns 0 and *ret (NULL if there is
 * nothing to suppose), which the caller frees, or -ENOMEM.
 */
_nodiscard_ int compare_suppose(const Snapshot *snapshot, const Supposition *supposition,
                                Partition **ret_partition);
