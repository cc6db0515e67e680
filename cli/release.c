/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A lease given back; done when the host's drivers are bound again. */

#include <stdio.h>

#include "cli/document.h"
#include "cli/text.h"

static int run_release(Invocation *invocation)
{
        const iso_lease *lease;
        json_object *document;
        uint32_t id;
        int r;

        r = iso_host_resolve_lease(invocation->host, invocation->arguments[0], &lease);
        if (r != 0)
                return fail_host(invocation, r);
        id = lease->id;
        r = iso_release(invocation->host, id);
        if (r != 0)
                return fail_host(invocation, r);

        if (invocation->json) {
                document = json_document("release");
                json_add_number(document, "lease", id, 1);
                json_print(document);
        } else {
                (void)printf("lease %u given back\n", id);
        }
        return EXIT_DONE;
}

const Verb verb_release = {
        .name = "release",
        .arguments = "LEASE|SELECTOR",
        .summary = "give a lease back",
        .help = "Returns when the host's drivers are bound again.\n",
        .min_arguments = 1,
        .max_arguments = 1,
        .host = VERB_HOST_DAEMON,
        .run = run_release,
};
