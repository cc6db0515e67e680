/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A machine's copy while values are made of it: the snapshot, its partitions, and the view whose
 * devices everything refers to. All strings and lists made are the arena's.
 */

#include "core/model/groups.h"
#include "core/model/snapshot.h"
#include "libclient/arena.h"
#include "libclient/view.h"

typedef struct Tree {
        const Snapshot *snapshot;
        const Partition *computed;
        const Partition *observed; /* NULL where the kernel has no groups */
        View *view;
        Arena *arena;
} Tree;

/* The address of device `index` in the view, "" for SNAPSHOT_NONE. */
const char *tree_address(const Tree *tree, size_t index);

/* Make one value each. They return 0 or -ENOMEM. */
_nodiscard_ int tree_fill_device(const Tree *tree, size_t index, iso_device *ret_device);
_nodiscard_ int tree_fill_reason(const Tree *tree, const Reason *reason, iso_reason *ret_reason);
_nodiscard_ int tree_fill_group(const Tree *tree, const Group *group, iso_group *ret_group);
