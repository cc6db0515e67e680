/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which devices a reset reaches, and which of the kernel's methods remain. */

#include <stdio.h>
#include <string.h>

#include "core/model/reset.h"
#include "tests/unit/tap.h"
#include "tests/unit/topology.h"

/* Two functions and a switch below one port, a card alone below another, one on the root bus. */
static const Part machine[] = {
        {"00:01.0", NULL, PCIE_TYPE_ROOT_PORT, 0, .multifunction = true},
        {"00:02.0", NULL, PCIE_TYPE_ROOT_PORT, 0, .multifunction = true},
        {"00:05.0", NULL, PCIE_TYPE_RC_ENDPOINT, 0},
        {"01:00.0", "00:01.0", PCIE_TYPE_ENDPOINT, 0, .multifunction = true},
        {"01:00.1", "00:01.0", PCIE_TYPE_ENDPOINT, 0, .multifunction = true},
        {"02:00.0", "00:02.0", PCIE_TYPE_ENDPOINT, 0, .multifunction = true},
        {"02:00.1", "00:02.0", PCIE_TYPE_UPSTREAM, 0, .multifunction = true},
        {"03:00.0", "02:00.1", PCIE_TYPE_DOWNSTREAM, 0},
        {"04:00.0", "03:00.0", PCIE_TYPE_ENDPOINT, 0},
        {"02:00.2", "00:02.0", PCIE_TYPE_ENDPOINT, 0, .physfn = "02:00.0"},
};

static Snapshot *snapshot;
static bool mine[ARRAY_SIZE(machine)];

static void own(const char *addresses)
{
        memset(mine, 0, sizeof(mine));
        for (const char *at = addresses; *at; at += strcspn(at, " "), at += *at == ' ') {
                char bdf[BDF_TEXT_SIZE] = "";

                size_t n = strcspn(at, " ");
                if (n >= sizeof(bdf))
                        n = sizeof(bdf) - 1;
                memcpy(bdf, at, n);
                mine[topology_find(snapshot, bdf)] = true;
        }
}

/* "flr,pm narrowed bus 00:01.0 but 01:00.1" */
static const char *plan_text(const char *bdf, const char *offered)
{
        static char text[256];
        char address[BDF_TEXT_SIZE];
        ResetPlan plan;
        size_t n = 0;

        reset_plan(snapshot, topology_find(snapshot, bdf), offered, mine, &plan);
        text[0] = '\0';
        for (size_t i = 0; i < plan.n_methods; i++)
                n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i > 0 ? "," : "",
                                      plan.methods[i]);
        if (plan.is_narrowed)
                n += (size_t)snprintf(text + n, sizeof(text) - n, " narrowed");
        if (plan.bridge != SNAPSHOT_NONE)
                n += (size_t)snprintf(text + n, sizeof(text) - n, " bus %s",
                                      bdf_format(snapshot->devices[plan.bridge].bdf, address) + 5);
        if (plan.outsider != SNAPSHOT_NONE)
                (void)snprintf(text + n, sizeof(text) - n, " but %s",
                               bdf_format(snapshot->devices[plan.outsider].bdf, address) + 5);
        return text;
}

static void test_functions_alone(void)
{
        own("01:00.0");
        CHECK_STRING(plan_text("01:00.0", "flr"), "flr but 01:00.1");
        CHECK_STRING(plan_text("01:00.0", "device_specific acpi flr af_flr pm"),
                     "device_specific,acpi,flr,af_flr,pm but 01:00.1");
        CHECK_STRING(plan_text("01:00.0", "flr bus\n"), "flr narrowed but 01:00.1");
        CHECK_STRING(plan_text("01:00.0", "bus cxl_bus"), " narrowed but 01:00.1");
        CHECK_STRING(plan_text("01:00.0", "something_new flr"), "flr narrowed but 01:00.1");
        CHECK_STRING(plan_text("01:00.0", "flrx"), " narrowed but 01:00.1");
        CHECK_STRING(plan_text("01:00.0", ""), " but 01:00.1");
        CHECK_STRING(plan_text("01:00.0", NULL), " but 01:00.1");
}

static void test_whole_buses(void)
{
        own("01:00.0 01:00.1");
        CHECK_STRING(plan_text("01:00.0", "flr bus"), "flr,bus bus 00:01.0");
        CHECK_STRING(plan_text("01:00.1", NULL), " bus 00:01.0");
        /*
         * Bridges are never leased: a bus with a bridge on it is not reset, but the bus below the
         * bridge may be.
         */
        own("02:00.0 02:00.2 04:00.0");
        CHECK_STRING(plan_text("02:00.0", "bus"), " narrowed but 02:00.1");
        CHECK_STRING(plan_text("04:00.0", "bus"), "bus bus 03:00.0");
        /* On a root bus no bus reset is possible. */
        own("00:05.0");
        CHECK_STRING(plan_text("00:05.0", "bus"), " narrowed");
        CHECK_STRING(plan_text("00:05.0", "pm"), "pm");
}

static void test_reach(void)
{
        size_t port = topology_find(snapshot, "00:02.0");

        CHECK(reset_reaches(snapshot, port, topology_find(snapshot, "04:00.0")));
        CHECK(reset_reaches(snapshot, port, topology_find(snapshot, "02:00.2")));
        CHECK(!reset_reaches(snapshot, port, port));
        CHECK(!reset_reaches(snapshot, port, topology_find(snapshot, "01:00.0")));
        CHECK(!reset_reaches(snapshot, port, topology_find(snapshot, "00:05.0")));
}

/* The function's own methods remain; a bus below a hot-plug slot is not reset. */
static void test_slots(void)
{
        PciFacts *facts = &snapshot->devices[topology_find(snapshot, "00:01.0")].facts;

        own("01:00.0 01:00.1");
        for (int i = 0; i < 2; i++) {
                facts->caps.hotplug_slot = i == 0 ? TRISTATE_YES : TRISTATE_UNKNOWN;
                CHECK_STRING(plan_text("01:00.0", "flr bus"), "flr,bus");
                CHECK_STRING(plan_text("01:00.0", NULL), "");
        }
        facts->caps.hotplug_slot = TRISTATE_NO;
}

/* A caller with fewer devices can never reset more. */
static void test_monotony(void)
{
        unsigned n_checked = 0;

        for (unsigned set = 0; set < 1U << ARRAY_SIZE(machine); set++) {
                ResetPlan some, all;

                for (size_t i = 0; i < ARRAY_SIZE(machine); i++) {
                        memset(mine, true, sizeof(mine));
                        reset_plan(snapshot, i, "flr bus", mine, &all);
                        for (size_t k = 0; k < ARRAY_SIZE(machine); k++)
                                mine[k] = set >> k & 1;
                        reset_plan(snapshot, i, "flr bus", mine, &some);
                        if (some.n_methods > all.n_methods ||
                            (some.bridge != SNAPSHOT_NONE && some.bridge != all.bridge))
                                CHECK(!"less has more");
                        for (size_t k = 0; some.bridge != SNAPSHOT_NONE && k < ARRAY_SIZE(machine);
                             k++)
                                if (!mine[k] && reset_reaches(snapshot, some.bridge, k))
                                        CHECK(!"a reset that reaches somebody else");
                        n_checked++;
                }
        }
        CHECK_NUMBER(n_checked, ARRAY_SIZE(machine) << ARRAY_SIZE(machine));
}

int main(void)
{
        static const TapTest tests[] = {
                {"what resets a function alone", test_functions_alone},
                {"a whole bus for who has the whole bus", test_whole_buses},
                {"what a reset reaches", test_reach},
                {"a slot that takes a reset for a card that is pulled", test_slots},
                {"who has less may reset less", test_monotony},
        };

        snapshot = topology_build(machine, ARRAY_SIZE(machine));
        for (size_t i = 0; i < snapshot->n_devices; i++)
                snapshot->devices[i].facts.caps.hotplug_slot = TRISTATE_NO;
        int code = tap_run(tests);
        snapshot_free(snapshot);
        return code;
}
