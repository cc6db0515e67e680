/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a sentinel did and no lease has a reason for, undone: overrides of ours on functions that are
 * in no assigned group, and functions that came while the gate was shut and were not let in. For
 * workers.
 */

#include "daemon/guard/watchfile.h"
#include "daemon/host/host.h"

typedef struct Sweep {
        bool open_gate;          /* first of all */
        bool every_override;     /* looks at all functions, not at `strays` alone */
        const Bdf *strays;       /* that may have our override */
        size_t n_strays;
        const int32_t *groups;   /* of leases: what is in one of them is not touched */
        size_t n_groups;
        const WatchFile *former; /* what it does not know is let in; NULL: nothing is */
} Sweep;

/*
 * Returns 0, or the first Refusal with *ret_message, or -errno; REFUSAL_CHANGED if a function is just
 * being added or removed, so that it is not to be told whose it is. Goes on after a failure.
 */
_nodiscard_ int sweep_run(const HostPaths *host, const Sweep *sweep, char **ret_message);
