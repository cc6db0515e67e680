/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Generates a first policy: for each device that a lease would include, a rule that lets only root
 * lease it, with a comment that describes its group.
 */

#include <stdio.h>
#include <string.h>

#include "cli/document.h"
#include "cli/policy.h"
#include "cli/text.h"

#define CLASS_BRIDGE 0x06 /* base class, PCI Code and ID Assignment Specification */

static const char head[] =
        "// SPDX-License-Identifier: CC0-1.0\n"
        "// Made by isoctl policy generate; see isolationd.policy(5) for the format.\n"
        "// Every rule lets only root lease. To let others, name them:\n"
        "//     \"lease\": { \"users\": [\"alice\"], \"groups\": [\"libvirt\"] }\n"
        "// A group is leased as a whole: all rules of a group must name them.\n"
        "{\n"
        "        \"rules\": [";

static bool is_listed(const iso_device *device)
{
        return device->class_code >> 16 != CLASS_BRIDGE;
}

/* Prints the printable characters of a word, so that a comment stays one line. */
static void print_word(const char *text)
{
        for (; *text; text++)
                (void)putchar(*text >= ' ' && *text <= '~' ? *text : '?');
}

static void print_comment(const iso_host *host, const iso_group *group)
{
        (void)printf("\n                // Group %s", group->id);
        if (group->kernel_group >= 0)
                (void)printf(", %d to the kernel", group->kernel_group);
        (void)printf(":\n");
        for (size_t i = 0; i < group->n_devices; i++) {
                const iso_device *device = device_find(host, group->devices[i]);

                if (!device)
                        continue;
                (void)printf("                //     %s %04x:%04x %s", device->address,
                             device->vendor, device->device, class_name(device->class_code));
                if (*device->driver) {
                        (void)printf(", ");
                        print_word(device->driver);
                }
                if (!is_listed(device))
                        (void)printf(" (a bridge: no rule)");
                (void)printf("\n");
        }
}

/* Returns whether it has printed a rule. */
static bool print_group(const iso_host *host, const iso_group *group, bool first)
{
        bool any = false;

        for (size_t i = 0; i < group->n_devices; i++) {
                const iso_device *device = device_find(host, group->devices[i]);

                if (!device || !is_listed(device) || !*device->iommu)
                        continue;
                (void)printf("%s", first ? "" : ",");
                if (!any)
                        print_comment(host, group);
                else
                        (void)printf("\n");
                (void)printf("                {\n"
                             "                        \"name\": \"%s\",\n"
                             "                        \"match\": { \"path\": \"%s\", "
                             "\"vendor\": \"%04x\", \"device\": \"%04x\" },\n"
                             "                        \"lease\": {}\n"
                             "                }",
                             device->id, device->id, device->vendor, device->device);
                any = true;
                first = false;
        }
        return any;
}

int policy_generate(Invocation *invocation, const char *const *arguments)
{
        const iso_group *groups;
        bool first = true;
        size_t n;
        int code;

        if (*arguments)
                return fail_usage(invocation, "policy generate takes no '%s'", *arguments);
        if (invocation->json)
                return fail_usage(
                        invocation,
                        "policy generate takes no --json: its output is JSON with comments");
        code = open_tree(invocation);
        if (code != EXIT_DONE)
                return code;
        note_obstacle(invocation->host);
        groups = iso_host_groups(invocation->host, &n);
        (void)fputs(head, stdout);
        for (size_t i = 0; i < n; i++)
                first &= !print_group(invocation->host, &groups[i], first);
        (void)printf("\n        ]\n}\n");
        return EXIT_DONE;
}
