/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Snapshots as JSON, schema "isolationd.snapshot/1": isolationd.snapshot(5).
 *
 * A snapshot has the inputs of the model, not its results. A fact is true, false, or null for
 * unknown; a fact with a value has that value instead of true. The output is deterministic: equal
 * snapshots give equal text, and reading and writing a snapshot does not change it.
 */

#include <stdio.h>

#include "core/model/base.h"
#include "core/model/snapshot.h"
#include "core/probe/notes.h"

#define SNAPSHOT_JSON_SCHEMA "isolationd.snapshot/1"
#define SNAPSHOT_JSON_SIZE_MAX ((size_t)256 << 20)

enum {
        _SNAPSHOT_JSON_E_SUCCESS,
        SNAPSHOT_JSON_E_INVALID, /* *ret_message has the place and the error */
};

enum {
        /*
         * Leaves out serial numbers, and all words of the command line that are not about the
         * IOMMU.
         */
        SNAPSHOT_JSON_ANONYMISE = 1 << 0,
};

/* Writes a finished snapshot. Returns 0 or -errno; the stream is flushed. */
_nodiscard_ int snapshot_json_write(const Snapshot *snapshot, unsigned flags, FILE *stream);

/*
 * Reads a document; `name` is its name in messages. Ignores unknown keys, which a newer program
 * may have written. Refuses a known key with an invalid value. Returns 0 and a finished snapshot
 * that the caller frees, SNAPSHOT_JSON_E_INVALID with *ret_message (freed by the caller), or
 * -errno.
 */
_nodiscard_ int snapshot_json_read(const char *name, const char *text, size_t n_text,
                                   Snapshot **ret_snapshot, char **ret_message);

/* The same, with a note in `notes` (may be NULL) for each ignored key. */
_nodiscard_ int snapshot_json_read_noted(const char *name, const char *text, size_t n_text,
                                         ReadNotes *notes, Snapshot **ret_snapshot,
                                         char **ret_message);
