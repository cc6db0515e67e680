/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A short list of notes: equal notes about one file are merged. */

#include "core/probe/notes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/model/text.h"

static void note_deinit(ReadNote *note)
{
        free(note->file);
        free(note->what);
        free(note->next);
}

void read_notes_deinit(ReadNotes *notes)
{
        for (size_t i = 0; i < notes->n; i++)
                note_deinit(&notes->notes[i]);
        free(notes->notes);
        *notes = (ReadNotes){0};
}

/* Merges notes about whole files of a tree, and about lines of one file. */
static bool is_same(const ReadNote *note, const char *file, size_t line, const char *what)
{
        if ((note->line == 0) != (line == 0) || strcmp(note->what, what) != 0)
                return false;
        return line == 0 || strcmp(note->file, file) == 0;
}

int read_notes_add(ReadNotes *notes, const char *file, size_t line, const char *what,
                   const char *next)
{
        ReadNote note = {.line = line};
        ReadNote *grown;

        if (!notes)
                return 0;
        for (size_t i = 0; i < notes->n; i++)
                if (is_same(&notes->notes[i], file, line, what)) {
                        if (line < notes->notes[i].line)
                                notes->notes[i].line = line;
                        notes->notes[i].n_further++;
                        return 0;
                }
        if (notes->n == READ_NOTES_MAX)
                return 0;
        grown = realloc(notes->notes, (notes->n + 1) * sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        notes->notes = grown;
        note.file = strdup(file);
        note.what = strdup(what);
        note.next = strdup(next);
        if (!note.file || !note.what || !note.next) {
                note_deinit(&note);
                return -ENOMEM;
        }
        notes->notes[notes->n++] = note;
        return 0;
}

char *read_note_format(const ReadNote *note)
{
        char place[32] = "", further[48] = "";

        if (note->line > 0)
                (void)snprintf(place, sizeof(place), ":%zu", note->line);
        if (note->n_further > 0)
                (void)snprintf(further, sizeof(further), " (and in %zu more %s%s)", note->n_further,
                               note->line > 0 ? "line" : "file", note->n_further == 1 ? "" : "s");
        return text_print("%s%s: %s%s: %s", note->file, place, note->what, further, note->next);
}
