/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The guard that a lease would have, and the words in which a request demands one. */

#include "core/model/guard_demand.h"
#include "tests/unit/tap.h"

static void test_forecast(void)
{
        static const struct {
                GuardProspect prospect;
                GuardLayer layer;
        } rows[] = {
                {{LEASE_MODE_VFIO, .n_handed_out = 1}, GUARD_OWNED},
                {{LEASE_MODE_IOMMUFD, .n_handed_out = 1}, GUARD_OWNED},
                {{LEASE_MODE_VFIO, .n_handed_out = 3, .places = {.n_ports = 2, .n_slots = 2}},
                 GUARD_OWNED},
                /* No device that VFIO drives claims the group. */
                {{LEASE_MODE_VFIO, .places = {.n_ports = 2, .n_slots = 2, .n_unsealable = 0}},
                 GUARD_SEALED},
                {{LEASE_MODE_IOMMUFD, .places = {.n_ports = 2, .n_slots = 2, .n_unsealable = 1}},
                 GUARD_REACTIVE},
                {{LEASE_MODE_VFIO}, GUARD_REACTIVE},
                {{LEASE_MODE_NONE, .n_handed_out = 1,
                  .places = {.n_ports = 1, .n_slots = 1, .n_unsealable = 0}},
                 GUARD_SEALED},
                {{LEASE_MODE_NONE, .n_handed_out = 1}, GUARD_REACTIVE},
                {{LEASE_MODE_NONE, .n_handed_out = 1, .may_gate = true}, GUARD_GATED},
                {{LEASE_MODE_VFIO, .places = {.n_ports = 2, .n_slots = 2, .n_unsealable = 1},
                  .may_gate = true},
                 GUARD_GATED},
                {{LEASE_MODE_VFIO, .places = {.n_ports = 2, .n_slots = 2, .n_unsealable = 0},
                  .may_gate = true},
                 GUARD_SEALED},
                {{LEASE_MODE_VFIO, .n_handed_out = 1, .may_gate = true}, GUARD_OWNED},
                /*
                 * If only the owner can claim the group, the daemon cannot know whether the owner
                 * will.
                 */
                {{LEASE_MODE_IOMMUFD_UNBOUND, .n_handed_out = 1}, GUARD_REACTIVE},
                {{LEASE_MODE_GROUP_FD, .n_handed_out = 1, .may_gate = true}, GUARD_GATED},
                {{LEASE_MODE_PATH, .n_handed_out = 1, .places = {.n_ports = 2, .n_slots = 2}},
                 GUARD_SEALED},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                CHECK_NUMBER(guard_predict(&rows[i].prospect), rows[i].layer);
}

/* A demand is met by its layer and by those above. */
static void test_words(void)
{
        static const char *const words[] = {"reactive", "gated", "sealed", "owned"};
        GuardLayer layer, before = GUARD_NONE;

        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                CHECK(guard_layer_from_string(words[i], &layer));
                CHECK_STRING(guard_layer_to_string(layer), words[i]);
                CHECK(layer > before);
                before = layer;
        }
        layer = _GUARD_N;
        CHECK(!guard_layer_from_string("none", &layer));
        CHECK(!guard_layer_from_string("", &layer));
        CHECK(!guard_layer_from_string("Owned", &layer));
        CHECK_NUMBER(layer, _GUARD_N);
}

int main(void)
{
        static const TapTest tests[] = {
                {"what will hold", test_forecast},
                {"what can be demanded", test_words},
        };

        return tap_run(tests);
}
