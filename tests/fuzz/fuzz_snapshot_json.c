/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The input is a snapshot's text. It is refused with a place, or gives a machine that can be
 * written.
 */

#include "fuzz.h"

#include "check_groups.h"
#include "check_json.h"
#include "core/probe/snapshot_json.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_data)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = NULL;
        _cleanup_(freep) char *message = NULL;
        int r = snapshot_json_read("fuzz", (const char *)data, n_data, &snapshot, &message);

        MUST(r == 0 || r == SNAPSHOT_JSON_E_INVALID);
        MUST((r == 0) == (message == NULL));
        MUST((r == 0) == (snapshot != NULL));
        if (r != 0) {
                MUST(strncmp(message, "fuzz:", 5) == 0);
                return 0;
        }
        check_groups(snapshot);
        check_json(snapshot);
        return 0;
}
