/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How a function can be reset without anybody else.
 *
 * The kernel offers methods (`reset_method`); some reset the function alone, others the bus it is
 * on, and with it everything below the bridge above: the reset set. Such a reset is only for whoever
 * has the whole set. Pure arithmetic over a snapshot.
 */

#include <stdbool.h>

#include "core/model/snapshot.h"

#define RESET_METHODS_MAX 8
#define RESET_METHOD_SIZE 24

typedef struct ResetPlan {
        /* In the kernel's order, those that reach nobody else. */
        char methods[RESET_METHODS_MAX][RESET_METHOD_SIZE];
        size_t n_methods;
        bool is_narrowed; /* others are offered, too */

        /* If none of them does it: the whole bus below this bridge, or SNAPSHOT_NONE. */
        size_t bridge;
        /* Who is in the reset set and not in the caller's hands, or SNAPSHOT_NONE. */
        size_t outsider;
        /*
         * The bus is not reset for that: its slot takes cards while the machine runs, and kernels
         * before 6.16 take the silence of a reset for a card that was pulled.
         */
        bool slot_watches;
} ResetPlan;

/* Whether a reset of the bus below `bridge` reaches the device. */
bool reset_reaches(const Snapshot *snapshot, size_t bridge, size_t device);

/*
 * The plan for one device. `offered` is the text of its reset_method: what is not known there is
 * taken for a method that reaches others; NULL or "" if there is none.
 */
void reset_plan(const Snapshot *snapshot, size_t device, const char *offered, const bool *mine,
                ResetPlan *ret_plan);
