/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Everybody can see whether the table exists; only root can read it. */

#include "core/probe/sysfs_ivrs.h"

#include "core/probe/ivrs.h"
#include "core/probe/sysfs_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define TABLES_PATH "firmware/acpi/tables"

static Tristate find_table(int root)
{
        struct stat status;

        if (fstatat(root, TABLES_PATH "/IVRS", &status, 0) == 0)
                return TRISTATE_YES;
        if (errno == ENOENT && fstatat(root, TABLES_PATH, &status, 0) == 0)
                return TRISTATE_NO;
        return TRISTATE_UNKNOWN;
}

/*
 * sysfs returns a page at a time. Returns the number of bytes, at most `size`; 0 if there are
 * none.
 */
static size_t read_bytes(int fd, uint8_t *bytes, size_t size)
{
        size_t n = 0;

        while (n < size) {
                ssize_t r = read(fd, bytes + n, size - n);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r <= 0)
                        break;
                n += (size_t)r;
        }
        return n;
}

int sysfs_ivrs_read(int root, Snapshot *snapshot)
{
        _cleanup_(ivrs_table_deinit) IvrsTable table = {0};
        _cleanup_(freep) uint8_t *bytes = NULL;
        _cleanup_(closep) int fd = -1;
        int r;

        snapshot->ivrs = find_table(root);
        snapshot->ivrs_read = TRISTATE_UNKNOWN;
        if (snapshot->ivrs != TRISTATE_YES)
                return 0;
        snapshot->ivrs_read = TRISTATE_NO;
        fd = sysfs_open_file(root, TABLES_PATH "/IVRS", NULL);
        if (fd < 0)
                return 0;
        bytes = malloc(IVRS_SIZE_MAX);
        if (!bytes)
                return -ENOMEM;

        r = ivrs_parse(bytes, read_bytes(fd, bytes, IVRS_SIZE_MAX), &table);
        if (r < 0)
                return r;
        snapshot->ivrs_read = tristate_from_bool(r == 0);
        ivrs_apply(&table, snapshot);
        return 0;
}
