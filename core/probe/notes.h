/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Notes of a reader about input that it did not understand, for the user.
 *
 * A note is not an error: the facts are unknown in the snapshot, and never make a device look
 * isolated. It has a place, the problem, and the next step. The same problem on many lines is one
 * note with the first line and a count.
 */

#include <stddef.h>

#include "core/model/base.h"

#define READ_NOTES_MAX 64 /* of one machine; readers have fewer kinds of notes */

typedef struct ReadNote {
        char *file;       /* name of the file or text. The note owns all texts. */
        size_t line;      /* the first, from 1; 0: the whole file */
        size_t n_further; /* number of further lines, or files, with the same problem */
        char *what;       /* the problem */
        char *next;       /* the command to run, or the input to give instead */
} ReadNote;

typedef struct ReadNotes {
        ReadNote *notes;
        size_t n;
} ReadNotes;

/* Frees the contents of the notes, and empties them. */
void read_notes_deinit(ReadNotes *notes);
static inline void read_notes_deinitp(ReadNotes *notes)
{
        read_notes_deinit(notes);
}

/*
 * Adds a note, or counts another line of an existing one. Does nothing if `notes` is NULL. Copies
 * the texts. Returns 0 or -ENOMEM.
 */
_nodiscard_ int read_notes_add(ReadNotes *notes, const char *file, size_t line, const char *what,
                               const char *next);

/*
 * A note as one line: "dump.txt:12: WHAT (and in 3 more lines): NEXT". The caller frees it; NULL if
 * memory is short.
 */
char *read_note_format(const ReadNote *note);
