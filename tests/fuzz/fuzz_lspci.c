/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The input as lspci's text. Whatever it is: a machine with groups, or no devices; and what was
 * read survives being written and read as a snapshot.
 */

#include "fuzz.h"

#include "check_groups.h"
#include "check_json.h"
#include "core/probe/lspci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_data)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        int r = lspci_read((const char *)data, n_data, &snapshot);

        MUST(r == 0 || r == LSPCI_E_NO_DEVICES);
        MUST((r == 0) == (snapshot && snapshot->n_devices > 0));
        if (r != 0)
                return 0;
        check_groups(snapshot);
        check_json(snapshot);
        return 0;
}
