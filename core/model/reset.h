/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Plans how to reset a function without affecting others.
 *
 * The kernel offers methods (`reset_method`). Some reset only the function, others its bus and so
 * everything below the bridge above: the reset set. A bus reset requires that the caller has the
 * whole set. This is a pure function of a snapshot.
 */

#include <stdbool.h>

#include "core/model/snapshot.h"

#define RESET_METHODS_MAX 8
#define RESET_METHOD_SIZE 24

typedef struct ResetPlan {
        /* The methods that affect no other function, in the kernel's order. */
        char methods[RESET_METHODS_MAX][RESET_METHOD_SIZE];
        size_t n_methods;
        bool is_narrowed; /* the kernel offers others too */

        /* If none of them works: reset the bus below this bridge, or SNAPSHOT_NONE. */
        size_t bridge;
        /* A device of the reset set that the caller does not have, or SNAPSHOT_NONE. */
        size_t outsider;
        /*
         * The bus is not reset because it has a hot-plug slot: kernels before 6.16 treat the link
         * loss of a reset as a removed card.
         */
        bool slot_watches;
} ResetPlan;

/* Does a reset of the bus below `bridge` affect the device? */
bool reset_reaches(const Snapshot *snapshot, size_t bridge, size_t device);

/*
 * The plan for one device. `offered` is the text of its reset_method, NULL or "" if there is none;
 * unknown methods count as affecting others.
 */
void reset_plan(const Snapshot *snapshot, size_t device, const char *offered, const bool *mine,
                ResetPlan *ret_plan);
