/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The partitions of one snapshot, each computed on first use and kept. */

#include "core/model/groups.h"
#include "core/model/snapshot.h"
#include "libclient/arena.h"

typedef enum PartitionKind {
        PARTITION_KERNEL,   /* computed */
        PARTITION_OBSERVED, /* devices without a link are in no group */
        PARTITION_SOUND,
        _PARTITION_N,
} PartitionKind;

typedef struct Partitions {
        const Snapshot *snapshot; /* borrowed */
        Partition *made[_PARTITION_N];
        Arena arena; /* for values that the view does not have */
} Partitions;

/* Makes the partitions of a snapshot, which must outlive them. NULL if memory is short. */
Partitions *partitions_new(const Snapshot *snapshot);

/* NULL is fine; returns NULL. */
Partitions *partitions_free(Partitions *partitions);
DEFINE_CLEANUP(Partitions *, partitions_free);

/* *ret is borrowed. Returns 0 or -ENOMEM. */
_nodiscard_ int partitions_get(Partitions *partitions, PartitionKind kind, const Partition **ret);

/* "kernel", "observed", "sound". */
const char *partition_kind_to_string(PartitionKind kind);

/* _PARTITION_N for an unknown name. */
PartitionKind partition_kind_from_string(const char *name);
