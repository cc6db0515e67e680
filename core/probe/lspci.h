/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The output of lspci(8), as people paste it, read into a snapshot.
 *
 * Decoded (-v, -vv, with or without -nn and -D) or hexadecimal (-x, -xxx, -xxxx); where there are
 * bytes they decide, and the words fill in what bytes do not hold. Pasted text has prompts in
 * front, lines wrapped or quoted, carriage returns: what is not understood is passed over, and what
 * was not understood is unknown. An id of 0 is one that the text does not tell.
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

enum {
        _LSPCI_E_SUCCESS,
        LSPCI_E_NO_DEVICES, /* there is no line like "00:1f.3 Audio device: …" */
};

/*
 * Reads the text. Returns 0 and a finished snapshot that the caller frees, LSPCI_E_NO_DEVICES, or
 * -errno (-E2BIG for more devices than a snapshot holds).
 */
_nodiscard_ int lspci_read(const char *text, size_t n_text, Snapshot **ret_snapshot);
