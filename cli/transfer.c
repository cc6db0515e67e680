/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Transfers a lease to another owner; fds that were handed out stay valid. */

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
                (void)printf("lease %u now belongs to %s\n", id, to);
        }
        return EXIT_DONE;
}

const Verb verb_transfer = {
        .name = "transfer",
        .arguments = "LEASE|SELECTOR",
        .summary = "give a lease another owner",
        .help = "--to OWNER       a user, by name or number (requires root), or a connection to\n"
                "                 the bus, \":1.42\"\n",
        .options = OPTION_TO,
        .min_arguments = 1,
        .max_arguments = 1,
        .host = VERB_HOST_DAEMON,
        .run = run_transfer,
};
