/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Partitions by name, each computed on first use. */

#include "libclient/partitions.h"

#include <errno.h>
#include <string.h>

static const char *const names[_PARTITION_N] = {
        [PARTITION_KERNEL] = "kernel",
        [PARTITION_OBSERVED] = "observed",
        [PARTITION_SOUND] = "sound",
};

const char *partition_kind_to_string(PartitionKind kind)
{
        return kind < _PARTITION_N ? names[kind] : "";
}

PartitionKind partition_kind_from_string(const char *name)
{
        PartitionKind kind = PARTITION_KERNEL;

        while (kind < _PARTITION_N && strcmp(names[kind], name) != 0)
                kind++;
        return kind;
}

Partitions *partitions_new(const Snapshot *snapshot)
{
        Partitions *partitions = calloc(1, sizeof(*partitions));

        if (partitions)
                partitions->snapshot = snapshot;
        return partitions;
}

Partitions *partitions_free(Partitions *partitions)
{
        if (partitions) {
                for (PartitionKind kind = 0; kind < _PARTITION_N; kind++)
                        partition_free(partitions->made[kind]);
                arena_deinit(&partitions->arena);
                free(partitions);
        }
        return NULL;
}

static int make(Partitions *partitions, PartitionKind kind)
{
        const Partition *kernel = NULL;
        int r;

        if (kind == PARTITION_KERNEL)
                return kernel_groups_compute(partitions->snapshot, &partitions->made[kind]);
        r = partitions_get(partitions, PARTITION_KERNEL, &kernel);
        if (r < 0)
                return r;
        if (kind == PARTITION_OBSERVED)
                return observed_groups_compute(partitions->snapshot, kernel,
                                               &partitions->made[kind]);
        return sound_groups_compute(partitions->snapshot, kernel, &partitions->made[kind]);
}

int partitions_get(Partitions *partitions, PartitionKind kind, const Partition **ret)
{
        int r = partitions->made[kind] ? 0 : make(partitions, kind);

        if (r == 0)
                *ret = partitions->made[kind];
        return r;
}
