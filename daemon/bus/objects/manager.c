/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * org.isolationd1.Manager: the daemon, its policy and its own state.
 */

#include <string.h>

#include "daemon/bus/objects/objects_internal.h"
#include "daemon/recovery/selfcheck.h"

static BUS_GETTER(get_constant)
{
        const BusView *view = userdata;

        return sd_bus_message_append(reply, "s",
                                     strcmp(property, "Version") == 0
                                             ? ISO_VERSION
                                             : bus_view_world(view)->snapshot->kernel_release);
}

static BUS_GETTER(get_obstacle)
{
        _cleanup_(freep) char *text = NULL;

        int r = world_obstacle(bus_view_world(userdata), &text);
        return r < 0 ? r : sd_bus_message_append(reply, "s", text ? text : "");
}

static BUS_GETTER(get_policy_error)
{
        const BusView *view = userdata;
        const char *text = view->bus->ledger->policy_error;

        return sd_bus_message_append(reply, "s", text ? text : "");
}

static int append_finding(const SelfFinding *finding, void *userdata)
{
        int r = sd_bus_message_append(userdata, "(sssss)", finding->id, finding->level,
                                      finding->what, finding->evidence, finding->fix);

        return r < 0 ? r : 0;
}

static BUS_GETTER(get_self_check)
{
        const BusView *view = userdata;

        int r = sd_bus_message_open_container(reply, 'a', "(sssss)");
        if (r >= 0)
                r = selfcheck(view->bus->ledger, append_finding, reply);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

const sd_bus_vtable bus_manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        BUS_METHOD("Acquire", SD_BUS_ARGS("as", selectors, "a{sv}", options),
                   SD_BUS_RESULT("o", lease, "h", lease_fd, "a(sh)", fds)),
        BUS_METHOD("Plan", SD_BUS_ARGS("as", selectors, "a{sv}", options),
                   SD_BUS_RESULT("a{sv}", plan)),
        BUS_METHOD("Repair", SD_BUS_ARGS("as", selectors, "a{sv}", options),
                   SD_BUS_RESULT("as", lines, "u", left)),
        BUS_METHOD("Resolve", SD_BUS_ARGS("s", selector, "a{sv}", options),
                   SD_BUS_RESULT("o", device, "o", group)),
        BUS_METHOD("Subscribe", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT),
        SD_BUS_PROPERTY("Version", "s", get_constant, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("KernelRelease", "s", get_constant, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("LeaseObstacle", "s", get_obstacle, 0, 0),
        SD_BUS_PROPERTY("PolicyError", "s", get_policy_error, 0, BUS_CHANGES),
        SD_BUS_PROPERTY("SelfCheck", "a(sssss)", get_self_check, 0, 0),
        SD_BUS_VTABLE_END,
};
