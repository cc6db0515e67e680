/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A machine from whatever there is of it: a sysfs tree, a snapshot, the output of lspci, a listing
 * of groups. What it is is told by its content, never by its name.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"
#include "core/probe/notes.h"

enum {
        _MACHINE_E_SUCCESS,
        MACHINE_E_NOT_FOUND, /* there is nothing at the path */
        MACHINE_E_INVALID,   /* it is none of these, or one with mistakes */
};

enum {
        MACHINE_WITHOUT_DRIVERS = 1 << 0, /* of a sysfs tree: sysfs_read_places() */
};

/*
 * Reads the machine at `path`: a directory is a sysfs tree, "-" is standard input, anything else is
 * read to its end, at most 256 MiB. `groups` (may be NULL) is a file beside it that lists the
 * groups of the same machine; only the output of lspci needs one. `flags` are MACHINE_*. `notes`
 * (may be NULL) gets what was not understood. Returns 0 and a finished snapshot that the caller
 * frees, a positive value with a sentence in *ret_message (freed by the caller), or -errno.
 */
_nodiscard_ int machine_read(const char *path, const char *groups, unsigned flags, ReadNotes *notes,
                             Snapshot **ret_snapshot, char **ret_message);

/* The same of a text that is at hand; `name` is what messages call it. */
_nodiscard_ int machine_parse(const char *name, const char *text, size_t n_text, ReadNotes *notes,
                              Snapshot **ret_snapshot, char **ret_message);
