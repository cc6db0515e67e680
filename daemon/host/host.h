/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The places of the host that the daemon reads and writes.
 *
 * They are a value, so that tests can use a tree of their own. Everything below daemon/host returns
 * 0, -errno, or a positive Refusal with a sentence for users; nothing there logs.
 */

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "core/model/base.h"
#include "core/model/bdf.h"
#include "core/model/refusal.h"
#include "core/probe/cleanup.h"

typedef struct HostPaths {
        const char *sysfs;   /* "/sys" */
        const char *dev;     /* "/dev" */
        const char *proc;    /* "/proc" */
        const char *modules; /* "/lib/modules"; NULL: the kernel has none */
        const char *helpers; /* directory of their sockets (daemon/host/helper.h), or NULL */
} HostPaths;

#define HOST_PATHS_LIVE                                                                            \
        ((HostPaths){.sysfs = "/sys", .dev = "/dev", .proc = "/proc", .modules = "/lib/modules"})

/* Largest sysfs text this daemon reads; the kernel's own limit is a page. */
#define HOST_TEXT_SIZE 4096

/* Formats a sentence into *ret (freed by the caller; NULL if memory is short) and returns
 * `refusal`. */
int host_refuse(Refusal refusal, char **ret_message, const char *format, ...) _printf_(3, 4);

/*
 * Refuses because the kernel did not take what was written: the sentence, and the reason if the
 * write failed with `error`.
 */
int host_refuse_write(int error, char **ret_message, const char *format, ...) _printf_(3, 4);

/*
 * Keeps the first failure of several steps: unless *first has one already, `r` with its message,
 * which is taken over. A device that is gone (-ENOENT) is no failure.
 */
void host_keep_first(int r, char **message, int *first, char **ret_message);

/* Where an attribute of a function is; returns `path`, which holds PATH_MAX. */
const char *host_device_path(const HostPaths *host, Bdf bdf, const char *name,
                             char path[static PATH_MAX]);

/*
 * Reads a small text file, without its trailing newline. Returns 0 and *ret (freed by the caller)
 * or -errno.
 */
_nodiscard_ int host_read_text(const char *path, char **ret_text);

/* Writes `text` to an existing file in one write(2). Returns 0 or -errno. */
_nodiscard_ int host_write_text(const char *path, const char *text);

/* The last path element of a link's target. Returns 0 and *ret (freed by the caller) or -errno. */
_nodiscard_ int host_read_link_name(const char *path, char **ret_name);

/* The same three, of the path that the format makes (attribute.c). */
_nodiscard_ int host_read_at(char **ret_text, const char *format, ...) _printf_(2, 3);
_nodiscard_ int host_write_at(const char *text, const char *format, ...) _printf_(2, 3);
_nodiscard_ int host_read_link_at(char **ret_name, const char *format, ...) _printf_(2, 3);

/* The whole target of a link. Returns 0 or -errno. */
_nodiscard_ int host_read_target_at(char target[static PATH_MAX], const char *format, ...)
        _printf_(2, 3);

/* Removes a file, which may be gone. Returns 0 or -errno. */
_nodiscard_ int host_remove_at(const char *format, ...) _printf_(1, 2);

/* Whether the path, be it a broken link, exists. */
bool host_has(const char *format, ...) _printf_(1, 2);

/* The file or the directory, opened for reading and closed by the caller; NULL with errno. */
FILE *host_open_text(const char *format, ...) _printf_(1, 2);
DIR *host_open_directory(const char *format, ...) _printf_(1, 2);

/* The same of an attribute of a PCI function. */
_nodiscard_ int host_read_device(const HostPaths *host, Bdf bdf, const char *name, char **ret_text);
_nodiscard_ int host_write_device(const HostPaths *host, Bdf bdf, const char *name,
                                  const char *text);
_nodiscard_ int host_read_device_link(const HostPaths *host, Bdf bdf, const char *name,
                                      char **ret_name);
bool host_has_device(const HostPaths *host, Bdf bdf);
