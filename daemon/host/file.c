/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Whole-file replacement.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/host/file.h"
#include "daemon/host/host.h"

#define ASIDE_MAX 1000 /* files of one name that are set aside */

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

/* Returns why a file cannot be one of the daemon's own, or NULL. */
static const char *find_fault(const struct stat *st)
{
        if (S_ISLNK(st->st_mode))
                return "it is a link";
        if (!S_ISREG(st->st_mode))
                return "it is not a regular file";
        if (st->st_uid != geteuid())
                return "it belongs to another user";
        if (st->st_mode & (S_IWGRP | S_IWOTH))
                return "others may write it";
        if (st->st_size > FILE_SIZE_MAX)
                return "it is too large";
        return NULL;
}

/* Opens a file to be renamed. A half-written one is used again if it is the daemon's own. */
static int open_temporary(int directory, const char *name, mode_t mode)
{
        const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
        struct stat st;

        _cleanup_(closep) int fd = openat(directory, name, flags, mode);
        if (fd >= 0 && fstat(fd, &st) == 0 && !find_fault(&st) && st.st_nlink == 1 &&
            ftruncate(fd, 0) == 0)
                return TAKE_FD(fd);
        (void)unlinkat(directory, name, 0);
        int own = openat(directory, name, flags | O_EXCL, mode);
        return own < 0 ? -errno : own;
}

static int write_temporary(int directory, const char *name, const char *text, mode_t mode)
{
        _cleanup_(closep) int fd = open_temporary(directory, name, mode);
        if (fd < 0)
                return fd;
        int r = write_all(fd, text, strlen(text));
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        return r;
}

/* Writes beside `name`, then renames to it with the flags of renameat2(2). */
static int put(int directory, const char *name, const char *text, mode_t mode, unsigned flags)
{
        char temporary[NAME_MAX + 1];

        (void)snprintf(temporary, sizeof(temporary), ".%.200s.%s", name,
                       flags & RENAME_NOREPLACE ? "new" : "tmp");
        int r = write_temporary(directory, temporary, text, mode);
        if (r == 0 && renameat2(directory, temporary, directory, name, flags) < 0)
                r = -errno;
        if (r < 0) {
                (void)unlinkat(directory, temporary, 0);
                return r;
        }
        return fsync(directory) < 0 ? -errno : 0;
}

int file_replace(int directory, const char *name, const char *text, mode_t mode)
{
        _cleanup_(freep) char *now = NULL;

        if (strnlen(text, FILE_SIZE_MAX + 1) > FILE_SIZE_MAX)
                return -EFBIG;
        int r = file_read(directory, name, &now);
        return r == 0 && strcmp(now, text) == 0 ? 0 : put(directory, name, text, mode, 0);
}

int file_create(int directory, const char *name, const char *text, mode_t mode)
{
        return put(directory, name, text, mode, RENAME_NOREPLACE);
}

const char *file_explain(int directory, const char *name)
{
        struct stat st;

        if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return strerrordesc_np(errno);
        const char *fault = find_fault(&st);
        if (fault)
                return fault;
        return faccessat(directory, name, R_OK, AT_EACCESS) < 0 ? "it cannot be opened" : NULL;
}

/* Whether an error of open() is no fault of the file. */
static bool is_of_system(int error)
{
        return error == ENOENT || error == ENOMEM || error == EMFILE || error == ENFILE;
}

int file_read(int directory, const char *name, char **ret_text)
{
        struct stat st;

        _cleanup_(closep) int fd =
                openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return is_of_system(errno) ? -errno : -EBADMSG;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (find_fault(&st))
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

int file_set_aside(int directory, const char *name, char ret_name[static NAME_MAX + 1])
{
        int r = -EEXIST;

        for (unsigned i = 0; r == -EEXIST && i <= ASIDE_MAX; i++) {
                char number[16] = "";

                if (i > 0)
                        (void)snprintf(number, sizeof(number), ".%u", i);
                (void)snprintf(ret_name, NAME_MAX + 1, "%.200s.rejected%s", name, number);
                r = renameat2(directory, name, directory, ret_name,
                              i < ASIDE_MAX ? RENAME_NOREPLACE : 0)
                            ? -errno
                            : 0;
        }
        return r;
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
