/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Computes the present guard layer, and the needed one, from facts. */

#include "core/model/guard.h"

#include "core/model/groups.h"

#include <errno.h>

static const char *const names[_GUARD_N] = {
        [GUARD_NONE] = "none",     [GUARD_REACTIVE] = "reactive", [GUARD_GATED] = "gated",
        [GUARD_SEALED] = "sealed", [GUARD_OWNED] = "owned",
};

const char *guard_layer_to_string(GuardLayer layer)
{
        return layer < _GUARD_N ? names[layer] : "";
}

GuardLayer guard_holds(const GuardFacts *facts)
{
        if (!facts->assigned)
                return GUARD_NONE;
        if (facts->owned)
                return GUARD_OWNED;
        if (guard_can_seal(facts) && facts->n_sealed >= facts->n_slots)
                return GUARD_SEALED;
        return facts->gated ? GUARD_GATED : GUARD_REACTIVE;
}

bool guard_is_firm(const GuardFacts *facts)
{
        return facts->assigned && facts->owned && !facts->lent;
}

bool guard_needs_seal(const GuardFacts *facts)
{
        return facts->assigned && !guard_is_firm(facts) && facts->n_slots > facts->n_unsealable;
}

bool guard_can_seal(const GuardFacts *facts)
{
        /* Without a port, a rescan may still find a new device, which no seal prevents. */
        return facts->n_ports > 0 && facts->n_unsealable == 0;
}

bool guard_needs_gate(const GuardFacts *facts)
{
        GuardFacts without = *facts;

        /* A claim that may end without notice does not count. */
        without.owned = guard_is_firm(facts);
        return facts->assigned && guard_holds(&without) < GUARD_SEALED;
}

/* Does it, or may it, have a bus below? */
static bool may_be_bridge(const PciDevice *device)
{
        return !device->place.is_vf &&
               (device->facts.header_known != TRISTATE_YES || device->facts.header_type != 0);
}

int guard_find_ports(const Snapshot *snapshot, int32_t number, size_t **ret_ports, size_t *ret_n)
{
        _cleanup_(freep) size_t *ports = calloc(snapshot->n_devices + 1, sizeof(*ports));
        size_t n = 0;

        if (!ports)
                return -ENOMEM;
        for (size_t i = 0; i < snapshot->n_devices; i++) {
                int32_t group;
                int r;

                if (!may_be_bridge(&snapshot->devices[i]))
                        continue;
                r = kernel_groups_predict_below(snapshot, i, &group);
                if (r < 0)
                        return r;
                if (group >= 0 && group == number)
                        ports[n++] = i;
        }
        *ret_ports = TAKE_PTR(ports);
        *ret_n = n;
        return 0;
}
