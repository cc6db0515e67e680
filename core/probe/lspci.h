/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The output of lspci(8) and listings of groups, as people paste them, read into a snapshot.
 *
 * lspci decoded (-v, -vv, with or without -nn and -D), hexadecimal (-x, -xxx, -xxxx), by the
 * machine
 * (-mm, -vmm), as a tree (-t) or with paths (-PP); where there are bytes they decide, and the words
 * fill in what bytes do not hold. Groups as scripts of wikis list them, as find(1) and ls(1) show
 * them in /sys/kernel/iommu_groups, as a table of Proxmox VE, and as the kernel logs them. Pasted
 * text has prompts in front, lines wrapped or quoted, carriage returns: what is not understood is
 * noted, and what was not understood is unknown. An id of 0 is one that the text does not tell.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"
#include "core/probe/notes.h"

enum {
        _LSPCI_E_SUCCESS,
        LSPCI_E_NO_DEVICES, /* there is no line like "00:1f.3 Audio device: …" */
        LSPCI_E_INVALID,    /* *ret_message says where and what */
};

typedef struct LspciText {
        const char *name; /* what messages call it */
        const char *text;
        size_t n_text;
} LspciText;

/*
 * Reads texts of one machine: lspci's, and a listing of its groups beside it. `notes` (may be NULL)
 * gets what was not understood. Returns 0 and a finished snapshot that the caller frees,
 * LSPCI_E_NO_DEVICES, LSPCI_E_INVALID with *ret_message (freed by the caller), or -errno (-E2BIG
 * for more devices than a snapshot holds).
 */
_nodiscard_ int lspci_read_texts(const LspciText *texts, size_t n_texts, ReadNotes *notes,
                                 Snapshot **ret_snapshot, char **ret_message);

/* The same of one text without a name, nobody being told why it is refused. */
_nodiscard_ int lspci_read(const char *text, size_t n_text, Snapshot **ret_snapshot);
