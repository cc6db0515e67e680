/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The guard that a policy requires, and a prediction of the guard of a future lease.
 *
 * The prediction applies the rules of guard.h to predicted facts, so it cannot differ from the
 * guard of the real lease.
 */

#include "core/model/guard.h"
#include "core/model/policy.h"

/* A group that will be leased. */
typedef struct GuardProspect {
        LeaseMode mode;      /* NONE claims nothing */
        size_t n_handed_out; /* members that will have a VFIO driver */
        GuardFacts places;   /* its ports and slots, in their present state */
        bool may_gate;       /* the daemon can stop the kernel from binding drivers */
} GuardProspect;

/* The layer that the group will have when leased. */
GuardLayer guard_predict(const GuardProspect *prospect);

/* Finds the layer of that name; returns false for "none" and for other texts. */
_nodiscard_ bool guard_layer_from_string(const char *text, GuardLayer *ret);
