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

#include "core/probe/cleanup.h"
#include "daemon/host/file.h"
#include "daemon/host/host.h"
#include "daemon/lease/state.h"

int lease_state_save(const char *directory, const LeaseRecord *record)
{
        char name[32];
        _cleanup_(freep) char *text = NULL;

        int r = lease_record_to_json(record, &text);
        if (r < 0)
                return r;
        _cleanup_(closep) int dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return -errno;

        (void)snprintf(name, sizeof(name), "%" PRIu32 ".json", record->id);
        return file_replace(dir_fd, name, text, 0600);
}

int lease_state_read(const char *directory, uint32_t id, LeaseRecord **ret_record)
{
        _cleanup_(freep) char *text = NULL;
        char name[32];

        _cleanup_(closep) int dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return -errno;
        (void)snprintf(name, sizeof(name), "%" PRIu32 ".json", id);
        int r = file_read(dir_fd, name, &text);
        return r < 0 ? r : lease_record_from_json(text, ret_record);
}

int lease_state_remove(const char *directory, uint32_t id)
{
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/%" PRIu32 ".json", directory, id);
        return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int load_one(int dir_fd, const char *directory, const char *name,
                    const LeaseStateVisitor *visitor)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = NULL;
        _cleanup_(freep) char *text = NULL;
        char expected[32], rejected[NAME_MAX + 1], path[PATH_MAX];

        int r = file_read(dir_fd, name, &text);
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
                if (entry->d_name[0] == '.' || n < 6 || strcmp(entry->d_name + n - 5, ".json") != 0)
                        continue;
                int r = load_one(dirfd(dir), directory, entry->d_name, visitor);
                if (r < 0)
                        return r;
        }
        return 0;
}
