/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reads pasted output of lspci(8) and listings of groups into a snapshot.
 *
 * lspci decoded (-v, -vv, with or without -nn and -D), hexadecimal (-x, -xxx, -xxxx), by the
 * machine (-mm, -vmm), as a tree (-t) or with paths (-PP); where there are bytes they decide, and
 * the words fill in what bytes do not hold. Groups as scripts of wikis list them, as find(1) and
 * ls(1) show them in /sys/kernel/iommu_groups, as a table of Proxmox VE, and as the kernel logs
 * them. Pasted text has prompts, wrapped or quoted lines, and carriage returns. For a line that it
 * does not understand, the reader adds a note, and the facts stay unknown. An unknown id is 0.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"
#include "core/probe/notes.h"

enum {
        _LSPCI_E_SUCCESS,
        LSPCI_E_NO_DEVICES, /* no line is like "00:1f.3 Audio device: …" */
        LSPCI_E_INVALID,    /* *ret_message has the place and the error */
};

typedef struct LspciText {
        const char *name; /* its name in messages */
        const char *text;
        size_t n_text;
} LspciText;

/*
 * Reads texts of one machine: the output of lspci, and a separate listing of its groups. `notes`
 * (may be NULL) gets notes about lines that were not understood. Returns 0 and a finished snapshot
 * that the caller frees, LSPCI_E_NO_DEVICES, LSPCI_E_INVALID with *ret_message (freed by the
 * caller), or -errno (-E2BIG for more devices than a snapshot holds).
 */
_nodiscard_ int lspci_read_texts(const LspciText *texts, size_t n_texts, ReadNotes *notes,
                                 Snapshot **ret_snapshot, char **ret_message);

/* The same for one text without a name and without messages. */
_nodiscard_ int lspci_read(const char *text, size_t n_text, Snapshot **ret_snapshot);
