/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Bounded reads of sysfs attributes and links.
 */

#include "core/probe/sysfs_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

int sysfs_open_file(int directory, const char *name, off_t *ret_size)
{
        _cleanup_(closep) int fd = -1;
        struct stat status;

        /* O_NONBLOCK: a copied tree may hold a FIFO under this name. */
        fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &status) < 0)
                return -errno;
        if (!S_ISREG(status.st_mode))
                return -EINVAL;
        if (ret_size)
                *ret_size = status.st_size;
        return TAKE_FD(fd);
}

int sysfs_read_text(int directory, const char *name, char *text, size_t n_text)
{
        _cleanup_(closep) int fd = -1;
        struct stat status;
        size_t n = 0;

        text[0] = '\0';
        /* O_NONBLOCK: a copied tree may hold a FIFO under this name. */
        fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return -errno;

        while (n < n_text - 1) {
                size_t room = n_text - 1 - n;
                ssize_t r = read(fd, text + n, room);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0) {
                        text[0] = '\0';
                        return -errno;
                }
                n += (size_t)r;
                /*
                 * A short read is the end of the file: sysfs returns whole attributes, a disk all
                 * its data.
                 */
                if ((size_t)r < room)
                        break;
        }
        text[n] = '\0';
        /* An empty read is an empty attribute, or a FIFO without a writer. */
        return n > 0 || (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) ? 0 : -EINVAL;
}

int sysfs_read_line(int directory, const char *name, char *text, size_t n_text)
{
        int r = sysfs_read_text(directory, name, text, n_text);

        text[strcspn(text, "\n")] = '\0';
        return r;
}

int sysfs_read_number(int directory, const char *name, int base, uint32_t *ret_value)
{
        char text[32], *end;
        unsigned long value;
        int r = sysfs_read_line(directory, name, text, sizeof(text));

        if (r < 0)
                return r;
        if (text[0] < '0' || text[0] > '9')
                if (base != 16 || text[0] == '-' || text[0] == '+' || text[0] == ' ')
                        return -EINVAL;

        errno = 0;
        value = strtoul(text, &end, base);
        if (errno != 0 || end == text || *end != '\0' || value > UINT32_MAX)
                return -EINVAL;
        *ret_value = (uint32_t)value;
        return 0;
}

int sysfs_read_link(int directory, const char *name, char *text, size_t n_text)
{
        ssize_t n = readlinkat(directory, name, text, n_text);

        if (n < 0 || (size_t)n >= n_text) {
                text[0] = '\0';
                return n < 0 ? -errno : -ENAMETOOLONG;
        }
        text[n] = '\0';
        return 0;
}

int sysfs_read_link_name(int directory, const char *name, char *text, size_t n_text)
{
        char target[PATH_MAX];
        const char *last;
        int r;

        text[0] = '\0';
        r = sysfs_read_link(directory, name, target, sizeof(target));
        if (r < 0)
                return r;
        last = strrchr(target, '/');
        last = last ? last + 1 : target;
        if (strlen(last) >= n_text)
                return -ENAMETOOLONG;
        memcpy(text, last, strlen(last) + 1);
        return 0;
}
