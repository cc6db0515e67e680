/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Facts of the running kernel that a copied tree lacks. */

#include "core/probe/sysfs_live.h"

#include "core/probe/cleanup.h"
#include "core/probe/sysfs_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

#define COMMAND_LINE_SIZE 8192 /* longer than any architecture allows */

/*
 * An AMD IOMMU's own interrupts are plain PCI messages even if all others are remapped, so they
 * count only if there are no others.
 */
Tristate sysfs_live_remapping(FILE *interrupts)
{
        _cleanup_(freep) char *line = NULL;
        Tristate answer = TRISTATE_UNKNOWN;
        size_t n = 0;

        while (getline(&line, &n, interrupts) > 0) {
                if (strstr(line, " IR-"))
                        return TRISTATE_YES;
                if (strstr(line, " PCI-MSI"))
                        answer = TRISTATE_NO;
        }
        return answer;
}

int sysfs_live_read(Snapshot *snapshot)
{
        _cleanup_(freep) char *line = malloc(COMMAND_LINE_SIZE);
        struct utsname name;

        if (!line)
                return -ENOMEM;
        if (uname(&name) == 0)
                (void)snprintf(snapshot->kernel_release, sizeof(snapshot->kernel_release), "%.*s",
                               SNAPSHOT_NAME_SIZE - 1, name.release);

        if (sysfs_read_line(AT_FDCWD, "/proc/cmdline", line, COMMAND_LINE_SIZE) == 0) {
                free(snapshot->command_line);
                snapshot->command_line = strdup(line);
                if (!snapshot->command_line)
                        return -ENOMEM;
        }
        return 0;
}

void sysfs_live_read_remapping(Snapshot *snapshot)
{
        _cleanup_(fclosep) FILE *interrupts = fopen("/proc/interrupts", "re");

        if (interrupts)
                snapshot->interrupt_remapping = sysfs_live_remapping(interrupts);
}
