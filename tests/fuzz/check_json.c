/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Writes, reads and writes again: with and without the fields that an anonymous snapshot omits.
 */

#include "check_json.h"

#include "core/model/groups.h"
#include "core/probe/snapshot_json.h"
#include "fuzz.h"

#include <string.h>

static char *write_text(const Snapshot *snapshot, unsigned flags, size_t *ret_n)
{
        char *text = NULL;
        FILE *stream = open_memstream(&text, ret_n);

        MUST(stream);
        MUST(snapshot_json_write(snapshot, flags, stream) == 0);
        MUST(fclose(stream) == 0);
        return text;
}

static void compare_groups(const Snapshot *a, const Snapshot *b)
{
        _cleanup_(partition_freep) Partition *x = NULL, *y = NULL;

        MUST(kernel_groups_compute(a, &x) == 0 && kernel_groups_compute(b, &y) == 0);
        MUST(x->n_groups == y->n_groups && x->n_devices == y->n_devices);
        for (size_t i = 0; i < x->n_devices; i++)
                MUST(x->group_of[i] == y->group_of[i]);
        for (size_t i = 0; i < x->n_groups; i++)
                MUST(strcmp(x->groups[i].id, y->groups[i].id) == 0);
}

void check_json(const Snapshot *snapshot)
{
        for (unsigned flags = 0; flags <= SNAPSHOT_JSON_ANONYMISE; flags++) {
                _cleanup_(freep) char *text = NULL, *again = NULL, *message = NULL;
                _cleanup_(read_notes_deinitp) ReadNotes notes = {0};
                _cleanup_(snapshot_freep) Snapshot *read = NULL;
                size_t n_text = 0, n_again = 0;

                text = write_text(snapshot, flags, &n_text);
                if (snapshot_json_read_noted("fuzz", text, n_text, &notes, &read, &message) != 0)
                        (void)fprintf(stderr, "%s\n", message ? message : "no memory");
                MUST(read && !message);
                MUST(notes.n == 0); /* every written key is known */
                again = write_text(read, flags, &n_again);
                MUST(n_text == n_again && memcmp(text, again, n_text) == 0);
                compare_groups(snapshot, read);
        }
}
