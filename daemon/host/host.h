/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The places of the host that the daemon reads and writes.
 *
 * They are a value, so that tests can use a tree of their own. Everything below daemon/host returns
 * 0, -errno, or a positive Refusal with a sentence for users; nothing there logs.
 */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
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
