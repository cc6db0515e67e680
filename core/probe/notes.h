/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a reader did not understand, for the person who gave it the text.
 *
 * A note is no error: what it is about is unknown in the snapshot, and never makes a device look
 * isolated. It has a place, what was not understood there, and what to run next. The same thing on
 * many lines is one note with the first line and a count.
 */

#include <stddef.h>

#include "core/model/base.h"

#define READ_NOTES_MAX 64 /* of one machine; a reader has fewer things to say */

typedef struct ReadNote {
        char *file;       /* as the reader was told its name. Owned, as the other texts are. */
        size_t line;      /* the first, from 1; 0: the whole file */
        size_t n_further; /* lines, or files, of which the same holds */
        char *what;       /* what was not understood */
        char *next;       /* what to run or to give instead */
} ReadNote;

typedef struct ReadNotes {
        ReadNote *notes;
        size_t n;
} ReadNotes;

/* Frees what the notes hold, and empties them. */
void read_notes_deinit(ReadNotes *notes);
static inline void read_notes_deinitp(ReadNotes *notes)
{
        read_notes_deinit(notes);
}

/*
 * Adds a note, or counts another line of one that is there. `notes` may be NULL: nobody asks. Texts
 * are copied. Returns 0 or -ENOMEM.
 */
_nodiscard_ int read_notes_add(ReadNotes *notes, const char *file, size_t line, const char *what,
                               const char *next);

/*
 * A note as one line: "dump.txt:12: WHAT (and in 3 more lines): NEXT". The caller frees it; NULL if
 * memory is short.
 */
char *read_note_format(const ReadNote *note);
