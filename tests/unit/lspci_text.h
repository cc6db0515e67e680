/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * For tests of the reader of pasted text: the result as one line, and the reader's notes.
 */

#include "core/probe/lspci.h"
#include "tap.h"

#include <stdio.h>
#include <string.h>

/* "00:00.0=0 00:01.0=1 01:00.0=-": addresses and the kernel's groups; domain 0 is left out. */
static inline char *lspci_text_groups(const Snapshot *snapshot, char *text, size_t n_text)
{
        size_t n = 0;

        text[0] = '\0';
        for (size_t i = 0; i < snapshot->n_devices && n < n_text; i++) {
                const PciDevice *device = &snapshot->devices[i];
                char address[BDF_TEXT_SIZE], group[16] = "-";

                (void)bdf_format(device->bdf, address);
                if (device->kernel_group >= 0)
                        (void)snprintf(group, sizeof(group), "%d", device->kernel_group);
                n += (size_t)snprintf(text + n, n_text - n, "%s%s=%s", i > 0 ? " " : "",
                                      address + (device->bdf.domain == 0 ? 5 : 0), group);
        }
        return text;
}

/* Reads texts; `second` may be NULL. *ret_notes (may be NULL) is deinitialised by the caller. */
static inline Snapshot *lspci_text_read(const char *text, const char *second, ReadNotes *ret_notes,
                                        char **ret_message)
{
        const LspciText texts[] = {
                {"t", text, strlen(text)},
                {"g", second ? second : "", second ? strlen(second) : 0},
        };
        Snapshot *snapshot = NULL;
        int r = lspci_read_texts(texts, second ? 2 : 1, ret_notes, &snapshot, ret_message);

        CHECK((r == 0) == (snapshot != NULL));
        CHECK((r == LSPCI_E_INVALID) == (*ret_message != NULL));
        return snapshot;
}

/* Checks that the text has these groups. */
static inline void lspci_text_check(const char *name, const char *text, const char *second,
                                    const char *wanted)
{
        _cleanup_(freep) char *message = NULL;
        _cleanup_(snapshot_freep) Snapshot *snapshot =
                lspci_text_read(text, second, NULL, &message);
        char have[1024];

        if (!snapshot)
                printf("# %s: %s\n", name, message ? message : "no devices");
        if (!CHECK(snapshot))
                return;
        if (strcmp(lspci_text_groups(snapshot, have, sizeof(have)), wanted) != 0)
                printf("# %s\n", name);
        CHECK_STRING(have, wanted);
}

/* Checks that the text is refused with a message that begins with this. */
static inline void lspci_text_check_refused(const char *text, const char *second,
                                            const char *wanted)
{
        _cleanup_(freep) char *message = NULL;
        _cleanup_(snapshot_freep) Snapshot *snapshot =
                lspci_text_read(text, second, NULL, &message);

        CHECK(!snapshot);
        if (!message || strncmp(message, wanted, strlen(wanted)) != 0)
                printf("# %s\n", message ? message : "no message");
        CHECK(message && strncmp(message, wanted, strlen(wanted)) == 0);
}
