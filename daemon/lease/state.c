/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Whole-file replacement and strict loading of lease records.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/host/host.h"
#include "daemon/lease/state.h"

#define STATE_FILE_MAX (4U << 20) /* bytes; a record of 4096 devices is below 1 MiB */

static inline void closedirp(DIR **dir)
{
        if (*dir)
                (void)closedir(*dir);
}

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

static int write_temporary(int dir_fd, const char *name, const char *text)
{
        _cleanup_(closep) int fd =
                openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        int r = write_all(fd, text, strlen(text));
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        return r;
}

int lease_state_save(const char *directory, const LeaseRecord *record)
{
        char name[32], temporary[40];
        _cleanup_(freep) char *text = NULL;

        int r = lease_record_to_json(record, &text);
        if (r < 0)
                return r;
        _cleanup_(closep) int dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return -errno;

        (void)snprintf(name, sizeof(name), "%" PRIu32 ".json", record->id);
        (void)snprintf(temporary, sizeof(temporary), ".%s.tmp", name);
        r = write_temporary(dir_fd, temporary, text);
        if (r == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
                r = -errno;
        if (r < 0) {
                (void)unlinkat(dir_fd, temporary, 0);
                return r;
        }
        return fsync(dir_fd) < 0 ? -errno : 0;
}

int lease_state_remove(const char *directory, uint32_t id)
{
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/%" PRIu32 ".json", directory, id);
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int read_file(int dir_fd, const char *name, char **ret_text)
{
        struct stat st;

        _cleanup_(closep) int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size < 0 || st.st_size > (off_t)STATE_FILE_MAX)
                return -EBADMSG;

        size_t n = (size_t)st.st_size, done = 0;
        _cleanup_(freep) char *text = malloc(n + 1);
        if (!text)
                return -ENOMEM;
        while (done < n) {
                ssize_t got = read(fd, text + done, n - done);
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

static int load_one(int dir_fd, const char *directory, const char *name,
                    const LeaseStateVisitor *visitor)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = NULL;
        _cleanup_(freep) char *text = NULL;
        char expected[32], rejected[NAME_MAX + 1], path[PATH_MAX];

        int r = read_file(dir_fd, name, &text);
        if (r == 0)
                r = lease_record_from_json(text, &record);
        if (r == 0) {
                (void)snprintf(expected, sizeof(expected), "%" PRIu32 ".json", record->id);
                if (strcmp(expected, name) == 0)
                        return visitor->loaded(TAKE_PTR(record), visitor->userdata);
                r = -EBADMSG;
        }
        if (r != -EBADMSG)
                return r;

        (void)snprintf(rejected, sizeof(rejected), "%.200s.rejected", name);
        if (renameat(dir_fd, name, dir_fd, rejected) < 0)
                return -errno;
        (void)snprintf(path, sizeof(path), "%s/%s", directory, rejected);
        visitor->rejected(path, visitor->userdata);
        return 0;
}

int lease_state_load(const char *directory, const LeaseStateVisitor *visitor)
{
        if (mkdir(directory, 0700) < 0 && errno != EEXIST)
                return -errno;
        _cleanup_(closedirp) DIR *dir = opendir(directory);
        if (!dir)
                return -errno;

        for (struct dirent *entry; (entry = readdir(dir));) {
                size_t n = strlen(entry->d_name);
                if (entry->d_name[0] == '.' || n < 6 ||
                    strcmp(entry->d_name + n - 5, ".json") != 0)
                        continue;
                int r = load_one(dirfd(dir), directory, entry->d_name, visitor);
                if (r < 0)
                        return r;
        }
        return 0;
}
