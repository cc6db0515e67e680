/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Prints the computed groups of a sysfs tree, "address group-id" per line, for corpus.py.
 */

#include "core/model/groups.h"
#include "core/probe/sysfs.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(partition_freep) Partition *partition = NULL;
        int r = argc == 2 ? sysfs_read_snapshot(argv[1], &snapshot) : -1;

        if (r == 0)
                r = kernel_groups_compute(snapshot, &partition);
        if (r != 0) {
                fprintf(stderr, "usage: tree_groups TREE (got %d)\n", r);
                return 1;
        }
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                char text[BDF_TEXT_SIZE];

                printf("%s %s\n", bdf_format(snapshot->devices[i].bdf, text),
                       partition->groups[partition->group_of[i]].id);
        }
        return 0;
}
