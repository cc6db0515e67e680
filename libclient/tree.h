/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A machine's copy while values are made of it: the snapshot, and the view whose devices everything
 * refers to. Strings and lists made are the arena's, but for ids of groups, which are the partition's
 * and live as long.
 */

#include "core/model/groups.h"
#include "core/model/snapshot.h"
#include "libclient/arena.h"
#include "libclient/partitions.h"
#include "libclient/view.h"

typedef struct Tree {
        const Snapshot *snapshot;
        View *view;
        Arena *arena;
} Tree;

/* The address of device `index` in the view, "" for SNAPSHOT_NONE. */
const char *tree_address(const Tree *tree, size_t index);

/* Make one value each. They return 0 or -ENOMEM. */
_nodiscard_ int tree_fill_device(const Tree *tree, const Partition *shown,
                                 const Partition *computed, size_t index, iso_device *ret_device);
_nodiscard_ int tree_fill_reason(const Tree *tree, const Reason *reason, iso_reason *ret_reason);
_nodiscard_ int tree_fill_group(const Tree *tree, PartitionKind kind, const Group *group,
                                iso_group *ret_group);
