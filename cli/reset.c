/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Resets a device, and prints resets for all verbs. */

#include <stdio.h>
#include <string.h>

#include "cli/lease_text.h"
#include "cli/text.h"

static void json_add_resets(json_object *document, const iso_reset *resets, size_t n)
{
        json_object *array = json_add_array(document, "resets");

        for (size_t i = 0; i < n; i++) {
                json_object *object = json_append(array, must(json_object_new_object()));

                json_add_text(object, "device", resets[i].device);
                json_add_text(object, "how", resets[i].text);
        }
}

/* Was the device reset? If not, the text has the reason. */
static bool is_reset(const iso_reset *reset)
{
        return strncmp(reset->text, "not reset", strlen("not reset")) != 0;
}

static void print_resets(const iso_reset *resets, size_t n)
{
        for (size_t i = 0; i < n; i++)
                (void)printf("%s %s%s\n", resets[i].device, is_reset(&resets[i]) ? "reset: " : "",
                             resets[i].text);
}

static int run_reset(Invocation *invocation)
{
        const iso_device *device;
        const iso_group *group;
        const iso_reset *resets;
        json_object *document;
        bool all = true;
        size_t n;
        int r;

        r = iso_host_resolve(invocation->host, invocation->arguments[0], &device, &group);
        if (r == 0 && !device)
                return fail_refusal(invocation, ISO_E_INVALID, "%s is a group; name a device",
                                    invocation->arguments[0]);
        if (r == 0)
                r = iso_reset_device(invocation->host, device, &resets, &n);
        if (r != 0)
                return fail_host(invocation, r);
        for (size_t i = 0; i < n; i++)
                all &= is_reset(&resets[i]);
        if (invocation->json) {
                document = json_document("reset");
                json_add_resets(document, resets, n);
                json_print(document);
        } else {
                print_resets(resets, n);
        }
        return all && n > 0 ? EXIT_DONE : EXIT_FAILED;
}

const Verb verb_reset = {
        .name = "reset",
        .arguments = "DEVICE",
        .summary = "reset a device that is unleased, or leased by you",
        .help = "Uses the first method of the kernel that works and affects no other device. Uses\n"
                "a bus reset if all devices on the bus are unleased, or in the same lease. Exits\n"
                "with 1 if no method works. Resetting an unleased device requires root.\n",
        .min_arguments = 1,
        .max_arguments = 1,
        .host = VERB_HOST_DAEMON,
        .run = run_reset,
};

void tell_ended(const Invocation *invocation, uint32_t lease, const char *how,
                const iso_reset *resets, size_t n)
{
        json_object *document;

        if (!invocation->json) {
                print_resets(resets, n);
                (void)printf("lease %u %s\n", lease, how);
                return;
        }
        document = json_document(invocation->verb->name);
        json_add_number(document, "lease", lease, 1);
        json_add_resets(document, resets, n);
        json_print(document);
}
