/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A lease that stays until it is released: groups set aside, or made ready for a program that asks
 * later. The fds are closed; who wants to use them wants `run`, or libisolation.
 */

#include <stdio.h>

#include "cli/lease_text.h"
#include "cli/text.h"

static int run_acquire(Invocation *invocation)
{
        iso_acquire_options options = lease_options(invocation, "persistent");
        _cleanup_(free_text) char *line = NULL;
        const iso_lease *lease;
        iso_grant *grant;
        uint32_t id;
        int r;

        r = iso_acquire(invocation->host, invocation->arguments, &options, &grant);
        if (r != 0)
                return fail_host(invocation, r);
        id = grant->lease;
        (void)iso_grant_free(grant);

        r = iso_host_refresh(invocation->host);
        if (r != 0)
                return fail_host(invocation, r);
        lease = lease_find(invocation->host, id);
        if (!lease)
                return fail_refusal(invocation, ISO_E_CHANGED, "lease %u was made and has ended",
                                    id);

        if (invocation->json) {
                json_print(json_acquired(lease));
                return EXIT_DONE;
        }
        line = lease_describe(lease);
        (void)printf("%s\n", line);
        return EXIT_DONE;
}

const Verb verb_acquire = {
        .name = "acquire",
        .arguments = "SELECTOR...",
        .summary = "lease groups until they are released",
        .help = "--mode MODE      vfio (the default) or iommufd\n"
                "--with-members   also take members bound to host drivers that no selector names\n"
                "--force          root only: skip the check for devices that the host lives on\n",
        .options = OPTION_MODE | OPTION_MEMBERS | OPTION_FORCE,
        .min_arguments = 1,
        .max_arguments = ANY_NUMBER,
        .host = VERB_HOST_DAEMON,
        .run = run_acquire,
};
