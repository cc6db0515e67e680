/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Replaces lease records as whole files, and loads them strictly. */

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

int lease_state_restore(const char *directory, const LeaseRecord *record)
{
        char name[32];
        _cleanup_(freep) char *text = NULL;

        _cleanup_(closep) int dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return -errno;
        (void)snprintf(name, sizeof(name), "%" PRIu32 ".json", record->id);
        if (faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return 0;
        int r = lease_record_to_json(record, &text);
        if (r == 0)
                r = file_create(dir_fd, name, text, 0600);
        if (r == -EEXIST)
                return 0;
        return r < 0 ? r : LEASE_STATE_E_RESTORED;
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
        return host_remove_at("%s/%" PRIu32 ".json", directory, id);
}

/* Sets a file aside. `text`: its content, if it could be read. */
static int set_aside(int dir_fd, const char *directory, const char *name, const char *text,
                     const LeaseStateVisitor *visitor)
{
        const char *reason = file_explain(dir_fd, name);
        char aside[NAME_MAX + 1], path[PATH_MAX];

        if (!reason)
                reason = text && lease_record_is_newer(text)
                                 ? "a newer version of isolationd has written it"
                                 : "it is no lease record that this version can read";
        int r = file_set_aside(dir_fd, name, aside);
        if (r < 0)
                return r;
        (void)snprintf(path, sizeof(path), "%s/%s", directory, aside);
        visitor->rejected(path, reason, visitor->userdata);
        return 0;
}

static int load_one(int dir_fd, const char *directory, const char *name,
                    const LeaseStateVisitor *visitor)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = NULL;
        _cleanup_(freep) char *text = NULL;
        char expected[32];

        int r = file_read(dir_fd, name, &text);
        if (r == 0)
                r = lease_record_from_json(text, &record);
        if (r == 0) {
                (void)snprintf(expected, sizeof(expected), "%" PRIu32 ".json", record->id);
                if (strcmp(expected, name) == 0)
                        return visitor->loaded(TAKE_PTR(record), visitor->userdata);
                r = -EBADMSG;
        }
        if (r == -ENOENT)
                return 0;
        return r == -EBADMSG ? set_aside(dir_fd, directory, name, text, visitor) : r;
}

static int is_record(const struct dirent *entry)
{
        size_t n = strlen(entry->d_name);

        return entry->d_name[0] != '.' && n >= 6 && strcmp(entry->d_name + n - 5, ".json") == 0;
}

/*
 * Reads the whole directory first: a loaded lease may be saved at once, and then the file system
 * decides whether readdir() returns the replaced name again.
 */
int lease_state_load(const char *directory, const LeaseStateVisitor *visitor)
{
        struct dirent **entries;
        int r = 0;

        if (mkdir(directory, 0700) < 0 && errno != EEXIST)
                return -errno;
        _cleanup_(closep) int dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir_fd < 0)
                return -errno;
        int n = scandirat(dir_fd, ".", &entries, is_record, versionsort);
        if (n < 0)
                return -errno;
        for (int i = 0; i < n; i++) {
                if (r == 0)
                        r = load_one(dir_fd, directory, entries[i]->d_name, visitor);
                free(entries[i]);
        }
        free(entries);
        return r;
}
