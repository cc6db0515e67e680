/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Builds a Partition from a label for each device: sorts members, finds anchors and ids, and
 * assigns reasons to groups.
 */

#include "core/model/base.h"
#include "core/model/groups.h"

/* A growing list of reasons. */
typedef struct ReasonList {
        Reason *reasons;
        size_t n_reasons;
        size_t n_allocated;
} ReasonList;

/* Appends a copy. Returns 0 or -ENOMEM. */
_nodiscard_ int reason_list_add(ReasonList *list, const Reason *reason);

/* Frees the contents of the list. */
static inline void reason_list_deinitp(ReasonList *list)
{
        free(list->reasons);
}

/* The root of a device's set in a forest where `above[i] == i` is a root; compresses the path. */
size_t partition_find(size_t *above, size_t index);

/*
 * Builds the partition. `labels` has a label below `n_labels` per device, or SNAPSHOT_NONE for a
 * device in no group; each label in use becomes a group. A reason goes to the group of its `a`.
 * Returns 0 or -ENOMEM.
 */
_nodiscard_ int partition_build(const Snapshot *snapshot, const size_t *labels, size_t n_labels,
                                const ReasonList *reasons, Partition **ret_partition);
