/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * On hardware, each dword of configuration space is a bus cycle, and reading all of it would take
 * seconds on a machine with hundreds of functions. So the walk reads only the dwords that it
 * needs.
 */

#include "core/probe/sysfs_config.h"

#include "core/model/quirks.h"
#include "core/probe/sysfs_file.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define CONFIG_SIZE_PCIE 4096
#define SYSFS_FILE_SYSTEM 0x62656572 /* statfs(2): SYSFS_MAGIC */

/*
 * In a copy, the first bytes contain the capabilities of most devices; the rest is read only if
 * needed.
 */
#define COPY_FRONT 1024

/* The part of a copy that has been read. */
typedef struct Copy {
        int fd;
        uint8_t bytes[CONFIG_SIZE_PCIE];
        size_t n;
} Copy;

bool sysfs_is_copy(int root)
{
        struct statfs status;

        return fstatfs(root, &status) == 0 && status.f_type != SYSFS_FILE_SYSTEM;
}

static bool read_file(void *context, unsigned offset, uint32_t *ret_value)
{
        const int *fd = context;
        uint32_t value;

        if (pread(*fd, &value, sizeof(value), (off_t)offset) != (ssize_t)sizeof(value))
                return false;
        *ret_value = le32toh(value);
        return true;
}

static bool read_copy(void *context, unsigned offset, uint32_t *ret_value)
{
        Copy *copy = context;
        uint32_t value;

        if (offset + sizeof(value) > copy->n && copy->n == COPY_FRONT) {
                ssize_t n = pread(copy->fd, copy->bytes + COPY_FRONT,
                                  sizeof(copy->bytes) - COPY_FRONT, COPY_FRONT);

                copy->n += n > 0 ? (size_t)n : 0;
        }
        if (offset + sizeof(value) > copy->n)
                return false;
        memcpy(&value, copy->bytes + offset, sizeof(value));
        *ret_value = le32toh(value);
        return true;
}

static void read_all(PciConfigRead read_config, void *context, size_t size, PciDevice *device)
{
        pcicap_read(read_config, context,
                    size >= CONFIG_SIZE_PCIE ? CONFIG_SIZE_PCIE : (unsigned)size, &device->facts);
        if (quirk_is_intel_pch_port(device->ids.vendor, device->ids.device))
                pcicap_read_pch(read_config, context, &device->facts);
}

static void read_from_copy(int directory, PciDevice *device)
{
        _cleanup_(closep) int fd = -1;
        Copy copy;
        ssize_t n;

        fd = openat(directory, "config", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return;
        n = pread(fd, copy.bytes, COPY_FRONT, 0);
        if (n <= 0)
                return;
        copy.fd = fd;
        copy.n = (size_t)n;
        /*
         * A file that is longer than the first bytes counts as complete: registers that it lacks
         * are unknown.
         */
        read_all(read_copy, &copy, n == COPY_FRONT ? CONFIG_SIZE_PCIE : copy.n, device);
}

void sysfs_read_facts(int directory, bool is_copy, PciDevice *device)
{
        _cleanup_(closep) int fd = -1;
        off_t size = 0;

        if (is_copy) {
                read_from_copy(directory, device);
                return;
        }
        fd = sysfs_open_file(directory, "config", &size);
        if (fd >= 0)
                read_all(read_file, &fd, (size_t)size, device);
}
