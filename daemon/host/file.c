/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Whole-file replacement.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/host/file.h"
#include "daemon/host/host.h"


static int write_all(int fd, const char *text, size_t n_text)
{
        while (n_text > 0) {
                ssize_t n = write(fd, text, n_text);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                text += n;
                n_text -= (size_t)n;
        }
        return 0;
}

static int write_temporary(int directory, const char *name, const char *text, mode_t mode)
{
        _cleanup_(closep) int fd = openat(
                directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0)
                return -errno;
        int r = write_all(fd, text, strlen(text));
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        return r;
}

int file_replace(int directory, const char *name, const char *text, mode_t mode)
{
        _cleanup_(freep) char *now = NULL;
        char temporary[NAME_MAX + 1];

        if (strnlen(text, FILE_SIZE_MAX + 1) > FILE_SIZE_MAX)
                return -EFBIG;
        int r = file_read(directory, name, &now);
        if (r == 0 && strcmp(now, text) == 0)
                return 0;
        (void)snprintf(temporary, sizeof(temporary), ".%.200s.tmp", name);
        r = write_temporary(directory, temporary, text, mode);
        if (r == 0 && renameat(directory, temporary, directory, name) < 0)
                r = -errno;
        if (r < 0) {
                (void)unlinkat(directory, temporary, 0);
                return r;
        }
        return fsync(directory) < 0 ? -errno : 0;
}

int file_read(int directory, const char *name, char **ret_text)
{
        struct stat st;

        _cleanup_(closep) int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size < 0 || st.st_size > FILE_SIZE_MAX)
                return -EBADMSG;

        size_t n = (size_t)st.st_size, done = 0;
        _cleanup_(freep) char *text = malloc(n + 1);
        if (!text)
                return -ENOMEM;
        while (done < n) {
                ssize_t got = read(fd, text + done, n - done);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return -errno;
                if (got == 0)
                        break;
                done += (size_t)got;
        }
        text[done] = '\0';
        *ret_text = TAKE_PTR(text);
        return 0;
}

int file_make_directories(const char *path)
{
        char text[PATH_MAX];

        if ((size_t)snprintf(text, sizeof(text), "%s", path) >= sizeof(text))
                return -ENAMETOOLONG;
        for (char *p = text + 1; (p = strchr(p, '/')); p++) {
                *p = '\0';
                if (mkdir(text, 0755) < 0 && errno != EEXIST)
                        return -errno;
                *p = '/';
        }
        return mkdir(text, 0755) < 0 && errno != EEXIST ? -errno : 0;
}
