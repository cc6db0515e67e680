/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Makes values of isolation.h from a snapshot and from the view whose devices they refer to. The
 * arena owns strings and lists, except ids of groups, which the partition owns.
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

/* Each makes one value and returns 0 or -ENOMEM. */
_nodiscard_ int tree_fill_device(const Tree *tree, const Partition *shown,
                                 const Partition *computed, size_t index, iso_device *ret_device);
_nodiscard_ int tree_fill_reason(const Tree *tree, const Reason *reason, iso_reason *ret_reason);
_nodiscard_ int tree_fill_group(const Tree *tree, PartitionKind kind, const Group *group,
                                iso_group *ret_group);
