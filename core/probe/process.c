/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Small files of proc(5). The unit is the last part of the control group's path that looks like one
 * (cgroups(7)).
 */

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/probe/cleanup.h"
#include "core/probe/process.h"

#define TEXT_SIZE 4096 /* status and limits are below 2 KiB */

/* Reads a file of a process; "" if it cannot be. */
static void read_text(const char *proc, const char *pid, const char *name,
                      char text[static TEXT_SIZE])
{
        char path[PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/%s/%s", proc, pid, name);
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, TEXT_SIZE - 1);
        text[n < 0 ? 0 : n] = '\0';
}

static bool ends_with(const char *text, const char *end)
{
        size_t n = strlen(text), n_end = strlen(end);

        return n > n_end && strcmp(text + n - n_end, end) == 0;
}

void process_describe(const char *proc, const char *pid, Process *ret)
{
        char text[TEXT_SIZE], *rest = text;

        *ret = (Process){.comm = ""};
        read_text(proc, pid, "comm", text);
        text[strcspn(text, "\n")] = '\0';
        (void)snprintf(ret->comm, sizeof(ret->comm), "%.31s", text);
        read_text(proc, pid, "cgroup", text);
        for (char *part; (part = strsep(&rest, "/\n"));)
                if (ends_with(part, ".service") || ends_with(part, ".scope"))
                        (void)snprintf(ret->unit, sizeof(ret->unit), "%.127s", part);
}

void process_read_memlock(const char *proc, const char *pid, MemlockLimit *ret)
{
        char limits[TEXT_SIZE], status[TEXT_SIZE], uid_map[TEXT_SIZE];

        read_text(proc, pid, "limits", limits);
        read_text(proc, pid, "status", status);
        read_text(proc, pid, "uid_map", uid_map);
        *ret = memlock_parse(limits, status, uid_map);
}
