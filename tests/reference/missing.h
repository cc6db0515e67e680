/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A machine whose description is incomplete: one of its bridges is left out.
 */

#include "core/model/snapshot.h"
#include "random.h"

typedef enum Missing {
        MISSING_ADDRESS, /* the devices below it still name it */
        MISSING_SILENT,  /* nothing is known of it, nor of any bridge's buses */
        MISSING_BUSES,   /* nothing is known of it; the other bridges tell their buses */
        _MISSING_N,
} Missing;

/*
 * A finished copy without the bridge `index`. Returns NULL if that is no bridge, has no device
 * below it, or joins other devices than those below it (a PF, a VMD endpoint, one with several
 * requester ids).
 */
Snapshot *missing_bridge(const Snapshot *snapshot, size_t index, Missing how);

/*
 * The machine to compare missing_bridge() with: no device is left out, and buses are told likewise.
 */
Snapshot *missing_nothing(const Snapshot *snapshot, Missing how);

/* missing_bridge() of a random one, or NULL if the machine has none. */
Snapshot *missing_random(Random *random, const Snapshot *snapshot, Missing how);
