/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Small files of the daemon on /run, replaced as a whole or not at all. */

#include <limits.h>
#include <sys/types.h>

#include "core/model/base.h"

#define FILE_SIZE_MAX (4 << 20) /* bytes; a lease record of 4096 devices is below 1 MiB */

/*
 * Replaces `name` in an open directory: temporary file, fsync, rename. Leaves a file alone that has
 * this text already; a new one gets `mode`, less the umask. Returns 0, -EFBIG for a text that
 * file_read() would not accept, or -errno (-ENOSPC …).
 */
_nodiscard_ int file_replace(int directory, const char *name, const char *text, mode_t mode);

/* Creates the file as a whole, or changes nothing if the name exists: -EEXIST. Same returns. */
_nodiscard_ int file_create(int directory, const char *name, const char *text, mode_t mode);

/*
 * Reads a regular file of at most FILE_SIZE_MAX bytes that belongs to this user, and that only this
 * user may write. Returns 0 and *ret_text (freed by the caller), -ENOENT, -EBADMSG for another kind
 * of file (a link, another user's, one that cannot be opened), or -errno.
 */
_nodiscard_ int file_read(int directory, const char *name, char **ret_text);

/* Says why file_read() does not accept a file; NULL if that is unknown. */
const char *file_explain(int directory, const char *name);

/*
 * Sets a file, or anything else with its name, aside: as "NAME.rejected", with a number appended if
 * that exists. Returns 0 with its new name, or -errno.
 */
_nodiscard_ int file_set_aside(int directory, const char *name, char ret_name[static NAME_MAX + 1]);

/* Makes a directory and those above it. Returns 0 or -errno. */
_nodiscard_ int file_make_directories(const char *path);
