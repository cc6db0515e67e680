/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reads two directories, entry by entry. A copy may have any contents, so the number of entries
 * and the size of each file are limited, and a name that is too long becomes empty, not another
 * name.
 */

#include "core/probe/sysfs_groups.h"

#include "core/probe/cleanup.h"
#include "core/probe/snapshot_extras.h"
#include "core/probe/sysfs_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define GROUPS_PATH "kernel/iommu_groups"
#define SLOTS_PATH "bus/pci/slots"
#define ENTRIES_MAX ((size_t)1 << 20)
#define REGIONS_SIZE 16384

/* Reads the entry `name` of `directory` into the snapshot. Returns 0 or -errno. */
typedef int (*EntryReader)(int directory, const char *name, Snapshot *snapshot);

/*
 * Lines of "0xstart 0xend kind" (kernel-facts 5). A mapping that the kernel may give up is another
 * kind, "direct-relaxable".
 */
static Tristate read_direct(int group)
{
        _cleanup_(freep) char *text = malloc(REGIONS_SIZE);
        bool is_whole;
        char *rest;

        if (!text || sysfs_read_text(group, "reserved_regions", text, REGIONS_SIZE) < 0)
                return TRISTATE_UNKNOWN;
        is_whole = strlen(text) + 1 < REGIONS_SIZE;
        rest = text;
        for (char *line; (line = strsep(&rest, "\n"));) {
                const char *kind = strrchr(line, ' ');

                if (kind && strcmp(kind, " direct") == 0)
                        return TRISTATE_YES;
        }
        return is_whole ? TRISTATE_NO : TRISTATE_UNKNOWN;
}

static int read_group(int groups, const char *name, Snapshot *snapshot)
{
        char *end, type[64], path[32];
        KernelGroup group = {0};
        unsigned long number;

        if (name[0] < '0' || name[0] > '9')
                return 0;
        number = strtoul(name, &end, 10);
        if (*end != '\0' || number > INT32_MAX)
                return 0;
        group.number = (int32_t)number;
        (void)snprintf(path, sizeof(path), "%lu/type", number);
        if (sysfs_read_line(groups, path, type, sizeof(type)) == 0 &&
            strlen(type) < sizeof(group.type))
                memcpy(group.type, type, strlen(type) + 1);

        return snapshot_add_group(snapshot, &group);
}

static int read_slot(int slots, const char *name, Snapshot *snapshot)
{
        _cleanup_(closep) int fd = -1;
        char address[BDF_TEXT_SIZE], whole[BDF_TEXT_SIZE + 2];
        PciSlot slot = {0};

        if (name[0] == '.' || strlen(name) >= sizeof(slot.name))
                return 0;
        memcpy(slot.name, name, strlen(name) + 1);
        fd = openat(slots, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || sysfs_read_line(fd, "address", address, sizeof(address)) < 0)
                return 0;
        /*
         * A slot's address names a device, not a function; a slot without an address has no bus
         * yet.
         */
        (void)snprintf(whole, sizeof(whole), "%s.0", address);
        if (!bdf_parse(whole, &slot.bdf))
                return 0;

        return snapshot_add_slot(snapshot, &slot);
}

static int read_entries(int root, const char *path, Snapshot *snapshot, EntryReader read)
{
        _cleanup_(closedirp) DIR *directory = NULL;
        _cleanup_(closep) int fd = -1;
        struct dirent *entry;

        fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return 0;
        directory = fdopendir(fd);
        if (!directory)
                return -ENOMEM;
        (void)TAKE_FD(fd);

        for (size_t n = 0; n < ENTRIES_MAX && (entry = readdir(directory)); n++) {
                int r = read(dirfd(directory), entry->d_name, snapshot);

                if (r < 0)
                        return r;
        }
        return 0;
}

void sysfs_groups_read_regions(int root, Snapshot *snapshot)
{
        for (size_t i = 0; i < snapshot->n_kernel_groups; i++) {
                KernelGroup *group = &snapshot->kernel_groups[i];
                _cleanup_(closep) int fd = -1;
                char path[sizeof(GROUPS_PATH) + 16];

                (void)snprintf(path, sizeof(path), GROUPS_PATH "/%d", group->number);
                fd = openat(root, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (fd >= 0)
                        group->direct = read_direct(fd);
        }
}

int sysfs_groups_read(int root, Snapshot *snapshot)
{
        int r = read_entries(root, GROUPS_PATH, snapshot, read_group);

        if (r == 0)
                r = read_entries(root, SLOTS_PATH, snapshot, read_slot);
        snapshot_sort_extras(snapshot);
        return r;
}
