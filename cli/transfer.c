/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A lease given to somebody else; what has been handed out stays where it is. */

#include <stdio.h>

#include "cli/document.h"
#include "cli/isoctl.h"

static int run_transfer(Invocation *invocation)
{
        const char *to = invocation->to;
        const iso_lease *lease;
        json_object *document;
        uid_t uid = 0;
        uint32_t id;
        int r;

        if (!to)
                return fail_usage(invocation, "transfer needs --to");
        if (*to != ':' && !find_user(to, &uid))
                return fail_refusal(invocation, ISO_E_NOT_FOUND, "%s: no such user", to);
        r = iso_host_resolve_lease(invocation->host, invocation->arguments[0], &lease);
        if (r != 0)
                return fail_host(invocation, r);
        id = lease->id;
        r = iso_transfer(invocation->host, id, *to == ':' ? to : NULL, uid);
        if (r != 0)
                return fail_host(invocation, r);
        if (invocation->json) {
                document = json_document("transfer");
                json_add_number(document, "lease", id, 1);
                json_add_text(document, "to", to);
                json_print(document);
        } else {
                (void)printf("lease %u is %s's now\n", id, to);
        }
        return EXIT_DONE;
}

const Verb verb_transfer = {
        .name = "transfer",
        .arguments = "LEASE|SELECTOR",
        .summary = "make somebody else the owner of a lease",
        .help = "--to OWNER       a user, by name or number (by root), or a connection to the "
                "bus,\n"
                "                 \":1.42\"\n",
        .options = OPTION_TO,
        .min_arguments = 1,
        .max_arguments = 1,
        .host = VERB_HOST_DAEMON,
        .run = run_transfer,
};
