/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Predicts the facts of a lease, and parses layer names. */

#include "core/model/guard_demand.h"

#include <string.h>

/* A claim needs a device with a VFIO driver; an owner may never make one. */
static bool will_be_owned(const GuardProspect *prospect)
{
        return lease_mode_claims(prospect->mode) && prospect->n_handed_out > 0;
}

GuardLayer guard_predict(const GuardProspect *prospect)
{
        GuardFacts facts = prospect->places;

        facts.assigned = true;
        facts.owned = will_be_owned(prospect);
        facts.n_sealed =
                facts.n_slots - facts.n_unsealable; /* every slot that can be sealed will be */
        facts.gated = prospect->may_gate;
        return guard_holds(&facts);
}

bool guard_layer_from_string(const char *text, GuardLayer *ret)
{
        for (GuardLayer layer = GUARD_REACTIVE; layer < _GUARD_N; layer++)
                if (strcmp(guard_layer_to_string(layer), text) == 0) {
                        *ret = layer;
                        return true;
                }
        return false;
}
