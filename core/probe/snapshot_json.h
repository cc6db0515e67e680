/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Snapshots as JSON, schema "isolationd.snapshot/1": isolationd.snapshot(5).
 *
 * Written are the inputs of the model, never what it derives; a fact is true, false or null for
 * unknown, and one with a value is that value in place of true. Writing is deterministic: the same
 * snapshot is the same text, and what is read and written again is unchanged.
 */

#include <stdio.h>

#include "core/model/base.h"
#include "core/model/snapshot.h"
#include "core/probe/notes.h"

#define SNAPSHOT_JSON_SCHEMA "isolationd.snapshot/1"
#define SNAPSHOT_JSON_SIZE_MAX ((size_t)256 << 20)

enum {
        _SNAPSHOT_JSON_E_SUCCESS,
        SNAPSHOT_JSON_E_INVALID, /* *ret_message says where and what */
};

enum {
        /* Leaves out serial numbers, and of the command line all but what is about the IOMMU. */
        SNAPSHOT_JSON_ANONYMISE = 1 << 0,
};

/* Writes a finished snapshot. Returns 0 or -errno; the stream is flushed. */
_nodiscard_ int snapshot_json_write(const Snapshot *snapshot, unsigned flags, FILE *stream);

/*
 * Reads a document; `name` is what messages call it. Keys that are not known are passed over: a
 * newer program may have written them. A known one with a value it cannot have is refused. Returns
 * 0 and a finished snapshot that the caller frees, SNAPSHOT_JSON_E_INVALID with *ret_message (freed
 * by the caller), or -errno.
 */
_nodiscard_ int snapshot_json_read(const char *name, const char *text, size_t n_text,
                                   Snapshot **ret_snapshot, char **ret_message);

/* The same, with a note in `notes` (may be NULL) for each key that was passed over. */
_nodiscard_ int snapshot_json_read_noted(const char *name, const char *text, size_t n_text,
                                         ReadNotes *notes, Snapshot **ret_snapshot,
                                         char **ret_message);
