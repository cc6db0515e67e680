/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Acquires a persistent lease: it reserves groups until they are released, or prepares them for a
 * program that starts later. isoctl closes the fds; a program that needs them uses `run` or
 * libisolation.
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
                return fail_acquire(invocation, r);
        id = grant->lease;
        (void)iso_grant_free(grant);

        r = iso_host_refresh(invocation->host);
        if (r != 0)
                return fail_host(invocation, r);
        lease = lease_find(invocation->host, id);
        if (!lease)
                return fail_refusal(invocation, ISO_E_CHANGED,
                                    "lease %u was acquired and has already ended", id);

        if (*lease->memory_warning)
                note("%s", lease->memory_warning);
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
        .help = "--mode MODE[,…]  vfio, iommufd, iommufd-unbound, group-fd or path; of several "
                "the\n"
                "                 first that policy and guard allow (default: vfio,iommufd)\n"
                ACQUIRE_OPTIONS_HELP,
        .options = ACQUIRE_OPTIONS,
        .min_arguments = 1,
        .max_arguments = ANY_NUMBER,
        .host = VERB_HOST_DAEMON,
        .run = run_acquire,
};
