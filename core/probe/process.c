/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reads small files of proc(5). The unit is the last component of the control group's path
 * (cgroups(7)) that is named like a unit.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/probe/cleanup.h"
#include "core/probe/process.h"

#define TEXT_SIZE 4096 /* status and limits are below 2 KiB */

int process_open(const char *proc, int32_t pid)
{
        char path[PATH_MAX];

        if (pid == 0)
                (void)snprintf(path, sizeof(path), "%s/self", proc);
        else
                (void)snprintf(path, sizeof(path), "%s/%" PRId32, proc, pid);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

void process_read_file(int process, const char *name, char *text, size_t size)
{
        _cleanup_(closep) int fd = process < 0 ? -1 : openat(process, name, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

        text[n < 0 ? 0 : n] = '\0';
}

static bool ends_with(const char *text, const char *end)
{
        size_t n = strlen(text), n_end = strlen(end);

        return n > n_end && strcmp(text + n - n_end, end) == 0;
}

void process_describe(int process, Process *ret)
{
        char text[TEXT_SIZE], *rest = text;

        *ret = (Process){.comm = ""};
        process_read_file(process, "comm", text, TEXT_SIZE);
        text[strcspn(text, "\n")] = '\0';
        (void)snprintf(ret->comm, sizeof(ret->comm), "%.31s", text);
        process_read_file(process, "cgroup", text, TEXT_SIZE);
        for (char *part; (part = strsep(&rest, "/\n"));)
                if (ends_with(part, ".service") || ends_with(part, ".scope"))
                        (void)snprintf(ret->unit, sizeof(ret->unit), "%.127s", part);
}

void process_read_memlock(int process, MemlockLimit *ret)
{
        char limits[TEXT_SIZE], status[TEXT_SIZE], uid_map[TEXT_SIZE];

        process_read_file(process, "limits", limits, TEXT_SIZE);
        process_read_file(process, "status", status, TEXT_SIZE);
        process_read_file(process, "uid_map", uid_map, TEXT_SIZE);
        *ret = memlock_parse(limits, status, uid_map);
}
