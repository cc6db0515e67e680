/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The input is lspci's text and, behind a form feed, a listing of groups beside it. The result is a
 * machine with groups, no devices, or a refusal that names a line. A machine that was read can be
 * written and read as a snapshot.
 */

#include "fuzz.h"

#include <string.h>

#include "check_groups.h"
#include "check_json.h"
#include "core/probe/lspci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_data)
{
        const char *text = (const char *)data;
        const char *split = n_data > 0 ? memchr(text, '\f', n_data) : NULL;
        size_t n_first = split ? (size_t)(split - text) : n_data;
        const LspciText texts[] = {
                {"first", text, n_first},
                {"second", split ? split + 1 : text, split ? n_data - n_first - 1 : 0},
        };
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(read_notes_deinitp) ReadNotes notes = {0};
        _cleanup_(freep) char *message = NULL;
        int r = lspci_read_texts(texts, split ? 2 : 1, &notes, &snapshot, &message);

        MUST(r == 0 || r == LSPCI_E_NO_DEVICES || r == LSPCI_E_INVALID);
        MUST((r == 0) == (snapshot && snapshot->n_devices > 0));
        MUST((r == LSPCI_E_INVALID) == (message != NULL));
        MUST(!message || strstr(message, "first:") || strstr(message, "second:"));
        for (size_t i = 0; i < notes.n; i++) {
                _cleanup_(freep) char *line = read_note_format(&notes.notes[i]);

                MUST(line && notes.notes[i].line > 0);
        }
        if (r != 0)
                return 0;
        check_groups(snapshot);
        check_json(snapshot);
        return 0;
}
