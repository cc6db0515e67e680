/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Classifies reset methods by the devices that they affect (kernel-facts 4.5). Walks up from each
 * device to check whether it is below the bridge.
 */

#include <stdio.h>
#include <string.h>

#include "core/model/reset.h"

/* The kernel's methods that affect only one function. */
static const char *const function_methods[] = {"device_specific", "acpi", "flr", "af_flr", "pm"};

static bool is_function_method(const char *name, size_t n)
{
        for (size_t i = 0; i < ARRAY_SIZE(function_methods); i++)
                if (strlen(function_methods[i]) == n && strncmp(function_methods[i], name, n) == 0)
                        return true;
        return false;
}

bool reset_reaches(const Snapshot *snapshot, size_t bridge, size_t device)
{
        /* A finished snapshot has no loops. A VF has the place of its PF. */
        for (size_t i = device; i != SNAPSHOT_NONE; i = snapshot->devices[i].parent) {
                const PciDevice *each = &snapshot->devices[i];

                if (i != device && i == bridge)
                        return true;
                if (each->place.is_vf && each->physfn != SNAPSHOT_NONE &&
                    reset_reaches(snapshot, bridge, each->physfn))
                        return true;
        }
        return false;
}

/*
 * The first device that a reset of the bus below `bridge` affects and that is not the caller's
 * (`mine`, one per device), or SNAPSHOT_NONE.
 */
static size_t find_outsider(const Snapshot *snapshot, size_t bridge, const bool *mine)
{
        for (size_t i = 0; i < snapshot->n_devices; i++)
                if (!mine[i] && reset_reaches(snapshot, bridge, i))
                        return i;
        return SNAPSHOT_NONE;
}

void reset_plan(const Snapshot *snapshot, size_t device, const char *offered, const bool *mine,
                ResetPlan *ret_plan)
{
        ResetPlan plan = {.bridge = snapshot->devices[device].parent, .outsider = SNAPSHOT_NONE};

        if (plan.bridge != SNAPSHOT_NONE)
                plan.outsider = find_outsider(snapshot, plan.bridge, mine);
        bool has_bus = plan.bridge != SNAPSHOT_NONE && plan.outsider == SNAPSHOT_NONE;

        for (const char *at = offered ? offered : ""; *at;) {
                size_t n = strcspn(at, " \n");

                if (n > 0 && n < RESET_METHOD_SIZE && plan.n_methods < RESET_METHODS_MAX &&
                    (has_bus || is_function_method(at, n)))
                        (void)snprintf(plan.methods[plan.n_methods++], RESET_METHOD_SIZE, "%.*s",
                                       (int)n, at);
                else
                        plan.is_narrowed |= n > 0;
                at += n;
                at += strspn(at, " \n");
        }
        plan.slot_watches =
                has_bus && snapshot->devices[plan.bridge].facts.caps.hotplug_slot != TRISTATE_NO;
        if (!has_bus || plan.slot_watches)
                plan.bridge = SNAPSHOT_NONE;
        *ret_plan = plan;
}
