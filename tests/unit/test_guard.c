/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which guard layer holds and which is required; which ports lead into a group. */

#include <stdio.h>
#include <string.h>

#include "core/model/guard.h"
#include "tests/unit/tap.h"
#include "tests/unit/topology.h"

/* A slot of two ports without ACS, the second empty; a port with ACS; a switch below one. */
static const Part parts[] = {
        {"00:02.0", NULL, PCIE_TYPE_ROOT_PORT, 0, .multifunction = true, .kernel_group = 2},
        {"00:02.1", NULL, PCIE_TYPE_ROOT_PORT, 0, .multifunction = true, .kernel_group = 2},
        {"01:00.0", "00:02.0", PCIE_TYPE_ENDPOINT, 0, .kernel_group = 2},
        {"00:06.0", NULL, PCIE_TYPE_ROOT_PORT, PART_ACS_ON, .kernel_group = 3},
        {"03:00.0", "00:06.0", PCIE_TYPE_ENDPOINT, 0, .kernel_group = 4},
        {"00:07.0", NULL, PCIE_TYPE_ROOT_PORT, PART_ACS_ON, .kernel_group = 5},
        {"04:00.0", "00:07.0", PCIE_TYPE_PCIE_TO_PCI, 0, .kernel_group = 6},
        {"00:08.0", NULL, PART_UNKNOWN, 0, .kernel_group = 7},
};

static const char *ports_text(const Snapshot *snapshot, int32_t number)
{
        static char text[256];
        _cleanup_(freep) size_t *ports = NULL;
        size_t n, used = 0;

        CHECK_NUMBER(guard_find_ports(snapshot, number, &ports, &n), 0);
        text[0] = '\0';
        for (size_t i = 0; i < n; i++) {
                char bdf[BDF_TEXT_SIZE];

                used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "",
                                         bdf_format(snapshot->devices[ports[i]].bdf, bdf));
        }
        return text;
}

static void test_ports(void)
{
        _cleanup_(snapshot_freep) Snapshot *snapshot = topology_build(parts, ARRAY_SIZE(parts));

        snapshot->devices[topology_find(snapshot, "00:08.0")].facts.header_known =
                TRISTATE_UNKNOWN;
        CHECK_STRING(ports_text(snapshot, 1), "0000:00:02.0 0000:00:02.1");
        CHECK_STRING(ports_text(snapshot, 2), ""); /* a port with ACS: below it all are alone */
        CHECK_STRING(ports_text(snapshot, 3), "");
        CHECK_STRING(ports_text(snapshot, 5), "0000:04:00.0"); /* its id stands for all below */
        CHECK_STRING(ports_text(snapshot, 6), "0000:00:08.0"); /* its type is unknown */
        CHECK_STRING(ports_text(snapshot, 99), "");
        CHECK_STRING(ports_text(snapshot, -1), "");
}

static void test_layers(void)
{
        static const struct {
                GuardFacts facts;
                GuardLayer holds;
                bool needs_seal;
                bool can_seal;
                bool needs_gate;
        } rows[] = {
                {{false, false, 2, 2, 0, 0, false}, GUARD_NONE, false, true, false},
                {{false, true, 2, 2, 0, 0, false}, GUARD_NONE, false, true, false},
                {{false, false, 2, 2, 0, 0, true}, GUARD_NONE, false, true, false},
                {{true, true, 2, 2, 0, 0, false}, GUARD_OWNED, false, true, false},
                {{true, true, 2, 2, 0, 2, true}, GUARD_OWNED, false, true, false},
                {{true, false, 2, 2, 0, 0, false}, GUARD_REACTIVE, true, true, true},
                {{true, false, 2, 2, 0, 1, false}, GUARD_REACTIVE, true, true, true},
                {{true, false, 2, 2, 0, 1, true}, GUARD_GATED, true, true, true},
                {{true, false, 2, 2, 0, 2, true}, GUARD_SEALED, true, true, false},
                {{true, false, 3, 1, 0, 1, false}, GUARD_SEALED, true, true, false},  /* two are no slots */
                {{true, false, 3, 0, 0, 0, false}, GUARD_SEALED, false, true, false}, /* none is */
                {{true, false, 3, 2, 1, 1, false}, GUARD_REACTIVE, true, false, true},
                {{true, false, 3, 2, 2, 0, false}, GUARD_REACTIVE, false, false, true},
                {{true, false, 0, 0, 0, 0, false}, GUARD_REACTIVE, false, false, true},
                {{true, false, 0, 0, 0, 0, true}, GUARD_GATED, false, false, true},
                /* The owner claims and may end the claim without notice: the ways in stay shut. */
                {{true, true, 2, 2, 0, 0, false, true}, GUARD_OWNED, true, true, true},
                {{true, true, 2, 2, 0, 2, false, true}, GUARD_OWNED, true, true, false},
                {{true, true, 0, 0, 0, 0, true, true}, GUARD_OWNED, false, false, true},
                {{true, false, 2, 2, 0, 2, false, true}, GUARD_SEALED, true, true, false},
                {{false, true, 2, 2, 0, 0, false, true}, GUARD_NONE, false, true, false},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                CHECK_NUMBER(guard_holds(&rows[i].facts), rows[i].holds);
                CHECK_NUMBER(guard_needs_seal(&rows[i].facts), rows[i].needs_seal);
                CHECK_NUMBER(guard_needs_gate(&rows[i].facts), rows[i].needs_gate);
                CHECK_NUMBER(guard_can_seal(&rows[i].facts), rows[i].can_seal);
                CHECK_NUMBER(guard_is_firm(&rows[i].facts),
                             rows[i].holds == GUARD_OWNED && !rows[i].facts.lent);
        }
}

static void test_names(void)
{
        static const char *const names[_GUARD_N] = {"none", "reactive", "gated", "sealed", "owned"};

        for (GuardLayer layer = 0; layer < _GUARD_N; layer++)
                CHECK_STRING(guard_layer_to_string(layer), names[layer]);
        CHECK_STRING(guard_layer_to_string(_GUARD_N), "");
}

int main(void)
{
        static const TapTest tests[] = {
                {"ports that lead into a group", test_ports},
                {"what holds and what is needed", test_layers},
                {"names", test_names},
        };

        return tap_run(tests);
}
