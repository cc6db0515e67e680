/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Undoes what a guard process did and no lease needs: our overrides on functions that are in no
 * leased group, and functions that came while the gate was shut and were not let in. For workers.
 */

#include "daemon/guard/watchfile.h"
#include "daemon/host/host.h"

typedef struct Sweep {
        bool open_gate;      /* before anything else */
        bool every_override; /* look at all functions, not only at `strays` */
        const Bdf *strays;   /* functions that may have our override */
        size_t n_strays;
        const int32_t *groups; /* of leases: functions in them are not touched */
        size_t n_groups;
        const WatchFile *former; /* functions that it does not know are let in; NULL: none are */
} Sweep;

/*
 * Undoes it. Goes on after a failure. Returns 0, the first Refusal with *ret_message, or -errno.
 * REFUSAL_CHANGED: a function is just being added or removed, so its group is not known.
 */
_nodiscard_ int sweep_run(const HostPaths *host, const Sweep *sweep, char **ret_message);
