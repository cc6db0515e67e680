/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Manager.Plan: a plan for both groups, or, with "02:00.0" first, a refusal before any step. */

#include <string.h>

#include "tests/cli/fake_daemon.h"

static int append_lines(sd_bus_message *reply, const char *key, const char *first,
                        const char *second)
{
        return sd_bus_message_append(reply, "{sv}", key, "as", 2, first, second);
}

static int append_plan(sd_bus_message *reply, const Fake *fake)
{
        int r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}", "mode", "s", "path", "guard",
                                      "s", "sealed", "rule", "s", "50-lab.json:4: lab-edu",
                                      "newer-than-the-library", "u", 7, "memory-warning", "s", "");
        if (r >= 0)
                r = append_lines(reply, "groups", fake->groups[0].id, fake->groups[1].id);
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}", "devices", "a(ssss)", 1, "0000:01:00.0",
                                          "take", "e1000e", "vfio-pci");
        if (r >= 0)
                r = append_lines(reply, "steps",
                                 "0000:00:01.0: unbind pciehp (0000:00:01.0:pcie004), which seals "
                                 "the slot",
                                 "let uid 1000 open /dev/vfio/5");
        return r;
}

int manager_plan(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        const Fake *fake = userdata;
        sd_bus_message *reply = NULL;
        const char *selector = "";
        bool refuses;

        check(sd_bus_message_enter_container(message, 'a', "s"), "selectors");
        check(sd_bus_message_read_basic(message, 's', &selector), "a selector");
        refuses = strcmp(selector, "02:00.0") == 0;
        check(sd_bus_message_new_method_return(message, &reply), "a plan");
        check(sd_bus_message_open_container(reply, 'a', "{sv}"), "a plan");
        check(sd_bus_message_append(reply, "{sv}{sv}", "refusal", "s",
                                    refuses ? "PolicyDenied" : "", "message", "s",
                                    refuses ? "no rule lets you" : ""),
              "a refusal");
        if (!refuses)
                check(append_plan(reply, fake), "what would be done");
        check(sd_bus_message_close_container(reply), "a plan");
        check(sd_bus_send(NULL, reply, NULL), "a plan");
        sd_bus_message_unref(reply);
        return 1;
}
