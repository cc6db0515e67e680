/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Gives the devices that the policy reserves to the host until the next boot. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/document.h"
#include "cli/isoctl.h"

#define PROGRAM ISO_LIBEXECDIR "/isolationd-reserve"

static int run_unreserve(Invocation *invocation)
{
        char *words[] = {(char *)PROGRAM, (char *)"--undo", NULL};
        int code = EXIT_FAILED, error = 0;
        json_object *document;
        int r;

        if (geteuid() != 0)
                return fail_refusal(invocation, ISO_E_NOT_AUTHORIZED,
                                    "only root may change what is reserved: sudo isoctl unreserve");
        r = child_run(words, NULL, 0, &code, &error);
        if (r < 0 || error != 0)
                return fail_refusal(invocation, r < 0 ? r : -error, "%s cannot be run: %s", PROGRAM,
                                    strerror(r < 0 ? -r : error));
        if (code != EXIT_DONE)
                return fail_refusal(invocation, ISO_E_KERNEL_REFUSED,
                                    "not every reserved device is with the host: see above");
        if (invocation->json) {
                document = json_document("unreserve");
                json_add_text(document, "until", "boot");
                json_print(document);
        } else {
                (void)printf("No device is reserved until the next boot. Reserve them again now "
                             "with: systemctl restart isolationd-reserve\n");
        }
        return EXIT_DONE;
}

const Verb verb_unreserve = {
        .name = "unreserve",
        .arguments = "",
        .summary = "give reserved devices to the host until the next boot",
        .help = "For administrators. Host drivers may have the devices again, and udev loads "
                "them.\n"
                "Leased devices stay reserved until the lease ends. The policy does not change:\n"
                "to reserve nothing for good, take \"reserve\" out of its rules.\n",
        .host = VERB_HOST_NONE,
        .run = run_unreserve,
};
