/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a policy demands of the guard, and what a lease that is not there yet would have.
 *
 * The forecast is the same judgement as that of a lease that is there (guard.h), over the facts as
 * they will be: the two cannot come apart.
 */

#include "core/model/guard.h"
#include "core/model/policy.h"

/* A group that is about to be leased. */
typedef struct GuardProspect {
        LeaseMode mode;      /* NONE claims nothing */
        size_t n_handed_out; /* members that VFIO will drive */
        GuardFacts places;   /* the ways into it: its ports and slots as they are */
        bool may_gate;       /* the kernel could be kept from binding drivers by itself */
} GuardProspect;

/* The layer that will hold once it is leased. */
GuardLayer guard_foresee(const GuardProspect *prospect);

/* The layer of that name; returns false for "none" and for what is no layer. */
_nodiscard_ bool guard_layer_from_string(const char *text, GuardLayer *ret);
