/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table of refusals with their bus error names and exit codes. */

#include <string.h>

#include "core/model/refusal.h"

typedef struct RefusalRow {
        const char *name;
        int exit_code;
} RefusalRow;

static const RefusalRow refusal_rows[_REFUSAL_N] = {
        [REFUSAL_NOT_FOUND] = {"NotFound", 3},
        [REFUSAL_BUSY] = {"Busy", 4},
        [REFUSAL_NOT_VIABLE] = {"NotViable", 6},
        [REFUSAL_CRITICAL] = {"Critical", 6},
        [REFUSAL_POLICY_DENIED] = {"PolicyDenied", 5},
        [REFUSAL_NOT_AUTHORIZED] = {"NotAuthorized", 5},
        [REFUSAL_TOO_WEAK] = {"TooWeak", 6},
        [REFUSAL_CHANGED] = {"Changed", 6},
        [REFUSAL_STUCK] = {"Stuck", 7},
        [REFUSAL_QUOTA] = {"Quota", 5},
        [REFUSAL_INVALID] = {"Invalid", 2},
        [REFUSAL_UNSUPPORTED] = {"Unsupported", 6},
        [REFUSAL_KERNEL_REFUSED] = {"KernelRefused", 1},
        [REFUSAL_QUARANTINED] = {"Quarantined", 9},
        [REFUSAL_NO_DAEMON] = {"NoDaemon", 8},
};

const char *refusal_to_string(Refusal refusal)
{
        if (refusal <= _REFUSAL_NONE || refusal >= _REFUSAL_N)
                return "";
        return refusal_rows[refusal].name;
}

Refusal refusal_from_string(const char *name)
{
        for (int i = _REFUSAL_NONE + 1; i < _REFUSAL_N; i++)
                if (strcmp(refusal_rows[i].name, name) == 0)
                        return (Refusal)i;
        return _REFUSAL_NONE;
}

int refusal_exit_code(Refusal refusal)
{
        if (refusal <= _REFUSAL_NONE || refusal >= _REFUSAL_N)
                return 1;
        return refusal_rows[refusal].exit_code;
}
