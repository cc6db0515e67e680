/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What keeps host drivers from a device that joins an assigned group, and what is needed for it.
 *
 * Layers, from the weakest up. `reactive`: a newcomer is blocked when the kernel tells of it, which
 * may be too late. `gated`: the kernel binds no driver by itself. `sealed`: no newcomer is brought
 * in where it would join. `owned`: the kernel refuses every host driver (kernel-facts 3.2).
 */

#include "core/model/base.h"
#include "core/model/snapshot.h"

typedef enum GuardLayer {
        GUARD_NONE, /* the group is nobody's: nothing is kept from it */
        GUARD_REACTIVE,
        GUARD_GATED,
        GUARD_SEALED,
        GUARD_OWNED,
        _GUARD_N,
} GuardLayer;

/* "none", "reactive", …; "" for what is no layer. */
const char *guard_layer_to_string(GuardLayer layer);

/* What there is to know about one group. */
typedef struct GuardFacts {
        bool assigned;   /* somebody has it */
        bool owned;      /* and the kernel knows: a claim on its DMA stands */
        size_t n_ports;      /* bridges below which a newcomer would be in it */
        size_t n_slots;      /* of these, those that a card may come into while the machine runs */
        size_t n_unsealable; /* of the slots, those that nobody can shut */
        size_t n_sealed;     /* of the slots, those that are shut */
        bool gated;          /* the kernel binds no driver to new functions by itself */
        bool lent;           /* a claim would be its owner's, who may end it and nobody hears of it */
} GuardFacts;

/* The strongest layer that holds. */
GuardLayer guard_holds(const GuardFacts *facts);

/* Whether the kernel guards, and goes on until the daemon lets go. */
bool guard_is_firm(const GuardFacts *facts);

/* Whether there are slots to be sealed: nothing on the host is touched while the guard is firm. */
bool guard_needs_seal(const GuardFacts *facts);

/* Whether the kernel has to be kept from binding drivers by itself, if it can be. */
bool guard_needs_gate(const GuardFacts *facts);

/* Whether sealing would keep all newcomers out but those that a rescan by hand brings. */
bool guard_can_seal(const GuardFacts *facts);

/*
 * The bridges below which a card that is plugged in would be in the kernel's group `number`, as
 * indices in *ret_ports (freed by the caller). Returns 0 or -ENOMEM.
 */
_nodiscard_ int guard_find_ports(const Snapshot *snapshot, int32_t number, size_t **ret_ports,
                                 size_t *ret_n);
