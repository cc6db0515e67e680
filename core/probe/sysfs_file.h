/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Small files and links below a directory, read with bounds.
 *
 * sysfs attributes are one short line. A copied tree may have any file of the same name: long
 * files are cut off, and no read blocks.
 */

#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include "core/model/base.h"
#include "core/probe/cleanup.h"

/*
 * Opens a regular file for reading; *ret_size (may be NULL) gets its size. Returns the descriptor
 * or -errno (-EINVAL if it is not a regular file).
 */
_nodiscard_ int sysfs_open_file(int directory, const char *name, off_t *ret_size);

/*
 * Reads up to `n_text - 1` bytes of a file into `text`; a NUL in the file ends it. Returns 0 or
 * -errno; `text` is a string either way.
 */
_nodiscard_ int sysfs_read_text(int directory, const char *name, char *text, size_t n_text);

/*
 * Reads up to `n_text - 1` bytes of a file into `text`, up to the end of its first line. Returns 0
 * or -errno; `text` is a string either way.
 */
_nodiscard_ int sysfs_read_line(int directory, const char *name, char *text, size_t n_text);

/* Reads a number as strtoul() does, with or without 0x. Returns 0 or -errno. */
_nodiscard_ int sysfs_read_number(int directory, const char *name, int base, uint32_t *ret_value);

/* Reads the target of a link; -ENAMETOOLONG if it is too long. Returns 0 or -errno. */
_nodiscard_ int sysfs_read_link(int directory, const char *name, char *text, size_t n_text);

/* Reads the last component of the target of a link. Returns 0, or -errno with "". */
_nodiscard_ int sysfs_read_link_name(int directory, const char *name, char *text, size_t n_text);
