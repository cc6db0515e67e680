/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Revokes a lease, after notifying its owner. */

#include <stdlib.h>
#include <string.h>

#include "cli/lease_text.h"

/* Returns whether the text is a number of seconds. */
static bool read_seconds(const char *text, unsigned *ret_seconds)
{
        char *end;
        unsigned long value = strtoul(text, &end, 10);

        if (end == text || *end || strspn(text, "0123456789") != strlen(text) || value > 3600)
                return false;
        *ret_seconds = (unsigned)value;
        return true;
}

static int run_revoke(Invocation *invocation)
{
        iso_revoke_options options = {.kill = invocation->kill};
        const iso_reset *resets;
        const iso_lease *lease;
        uint32_t id;
        size_t n;
        int r;

        if (invocation->grace) {
                options.has_grace = true;
                if (!read_seconds(invocation->grace, &options.grace_seconds))
                        return fail_usage(invocation, "--grace takes 0 to 3600 seconds, not '%s'",
                                          invocation->grace);
        }
        r = iso_host_resolve_lease(invocation->host, invocation->arguments[0], &lease);
        if (r != 0)
                return fail_host(invocation, r);
        id = lease->id;
        r = iso_revoke(invocation->host, id, &options, &resets, &n);
        if (r != 0)
                return fail_host(invocation, r);
        tell_ended(invocation, id, "revoked", resets, n);
        return EXIT_DONE;
}

const Verb verb_revoke = {
        .name = "revoke",
        .arguments = "LEASE|SELECTOR",
        .summary = "revoke a lease: take it away from its owner",
        .help = "Notifies the owner, who then has the policy's grace time (default: 10 s) to\n"
                "close the devices. Returns when the host drivers are bound again.\n"
                "--grace SECONDS  the grace time, 0 to 3600 seconds\n"
                "--kill           after the grace time, kill the processes that have devices "
                "open\n",
        .options = OPTION_KILL | OPTION_GRACE,
        .min_arguments = 1,
        .max_arguments = 1,
        .host = VERB_HOST_DAEMON,
        .run = run_revoke,
};
