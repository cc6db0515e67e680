/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The guard: the layers that keep host drivers off a device that joins a leased group.
 *
 * Layers, the weakest first. `reactive`: the daemon blocks a new device after the kernel reports
 * it, which may be too late. `gated`: the kernel does not bind drivers automatically. `sealed`: no
 * new device can appear where it would join. `owned`: the kernel refuses every host driver
 * (kernel-facts 3.2).
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

typedef enum GuardLayer {
        GUARD_NONE, /* the group is not leased, so nothing is guarded */
        GUARD_REACTIVE,
        GUARD_GATED,
        GUARD_SEALED,
        GUARD_OWNED,
        _GUARD_N,
} GuardLayer;

/* "none", "reactive", …; "" for other values. */
const char *guard_layer_to_string(GuardLayer layer);

/* The facts about one group. */
typedef struct GuardFacts {
        bool assigned;       /* it is leased */
        bool owned;          /* and claimed: the kernel has an owner of its DMA */
        size_t n_ports;      /* bridges below which a new device would join it */
        size_t n_slots;      /* of these, hot-plug slots */
        size_t n_unsealable; /* of the slots, those that cannot be disabled */
        size_t n_sealed;     /* of the slots, those that are disabled */
        bool gated;          /* the kernel does not bind drivers to new functions */
        bool lent;           /* the lease's owner claims, and may end the claim without notice */
} GuardFacts;

/* The strongest layer that holds. */
GuardLayer guard_holds(const GuardFacts *facts);

/* Does the kernel guard the group until the daemon releases it? */
bool guard_is_firm(const GuardFacts *facts);

/* Are there slots to seal? No, while the kernel guards the group firmly. */
bool guard_needs_seal(const GuardFacts *facts);

/* Must the daemon stop the kernel from binding drivers automatically, if it can? */
bool guard_needs_gate(const GuardFacts *facts);

/* Would sealing keep out all new devices except those of a manual rescan? */
bool guard_can_seal(const GuardFacts *facts);

/*
 * Finds the bridges below which a new card would join the kernel's group `number`: indices in
 * *ret_ports (freed by the caller). Returns 0 or -ENOMEM.
 */
_nodiscard_ int guard_find_ports(const Snapshot *snapshot, int32_t number, size_t **ret_ports,
                                 size_t *ret_n);
