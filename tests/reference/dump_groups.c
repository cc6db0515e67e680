/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Prints the computed groups of a machine, "address group-id" per line, for corpus.py. A "?"
 * follows an address if the machine does not tell the device's ids.
 */

#include "core/model/groups.h"
#include "core/probe/machine.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(partition_freep) Partition *partition = NULL;
        _cleanup_(freep) char *message = NULL;
        int r = argc == 2 ? machine_read(argv[1], NULL, 0, NULL, &snapshot, &message) : -1;

        if (r == 0)
                r = kernel_groups_compute(snapshot, &partition);
        if (r != 0) {
                fprintf(stderr, "dump_groups: %s (got %d)\n", message ? message : "usage: PATH", r);
                return 1;
        }
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];
                char text[BDF_TEXT_SIZE];

                printf("%s %s%s\n", bdf_format(device->bdf, text),
                       partition->groups[partition->group_of[i]].id,
                       device->ids.vendor == 0 || device->ids.device == 0 ? " ?" : "");
        }
        return 0;
}
