/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reads a machine from a sysfs tree, a snapshot, the output of lspci, or a listing of groups.
 * Detects the format by content, never by name.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"
#include "core/probe/notes.h"

enum {
        _MACHINE_E_SUCCESS,
        MACHINE_E_NOT_FOUND, /* the path does not exist */
        MACHINE_E_INVALID,   /* unknown format, or an error in it */
};

enum {
        MACHINE_WITHOUT_DRIVERS = 1 << 0, /* of a sysfs tree: sysfs_read_places() */
};

/*
 * Reads the machine at `path`: a directory is a sysfs tree, "-" is standard input, other files are
 * read to the end, at most 256 MiB. `groups` (may be NULL) is a separate file that lists the
 * groups of the same machine; only the output of lspci needs it. `flags` are MACHINE_*. `notes`
 * (may be NULL) gets notes about parts that were not understood. Returns 0 and a finished snapshot
 * that the caller frees, a positive value with a sentence in *ret_message (freed by the caller),
 * or -errno.
 */
_nodiscard_ int machine_read(const char *path, const char *groups, unsigned flags, ReadNotes *notes,
                             Snapshot **ret_snapshot, char **ret_message);

/* The same for a text in memory; `name` is its name in messages. */
_nodiscard_ int machine_parse(const char *name, const char *text, size_t n_text, ReadNotes *notes,
                              Snapshot **ret_snapshot, char **ret_message);
