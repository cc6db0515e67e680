/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Releases a lease; returns when the host drivers are bound again. */

#include "cli/lease_text.h"

static int run_release(Invocation *invocation)
{
        const iso_reset *resets;
        const iso_lease *lease;
        uint32_t id;
        size_t n;
        int r;

        r = iso_host_resolve_lease(invocation->host, invocation->arguments[0], &lease);
        if (r != 0)
                return fail_host(invocation, r);
        id = lease->id;
        r = iso_release_resets(invocation->host, id, &resets, &n);
        if (r != 0)
                return fail_host(invocation, r);
        tell_ended(invocation, id, "released", resets, n);
        return EXIT_DONE;
}

const Verb verb_release = {
        .name = "release",
        .arguments = "LEASE|SELECTOR",
        .summary = "release a lease",
        .help = "Returns when the host drivers are bound again. Prints each reset and its "
                "method.\n",
        .min_arguments = 1,
        .max_arguments = 1,
        .host = VERB_HOST_DAEMON,
        .run = run_release,
};
