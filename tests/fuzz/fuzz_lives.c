/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lives of the daemon compared with a model of a lease: tests/daemon/lives.h. */

#include "fuzz.h"

#include "tests/daemon/lives.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_data)
{
        MUST(lives_run(data, n_data, true));
        return 0;
}
