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
                return fail_acquire(invocation, r);
        id = grant->lease;
        (void)iso_grant_free(grant);

        r = iso_host_refresh(invocation->host);
        if (r != 0)
                return fail_host(invocation, r);
        lease = lease_find(invocation->host, id);
        if (!lease)
                return fail_refusal(invocation, ISO_E_CHANGED, "lease %u was made and has ended",
                                    id);

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
        .help = "--mode MODE[,…]  vfio, iommufd, iommufd-unbound, group-fd or path; of several the\n"
                "                 first that will do (default: vfio,iommufd)\n"
                "--uid USER       path, group-fd: who may open the nodes; another than yourself is\n"
                "                 for root\n"
                "--with-members   also take members bound to host drivers that no selector names\n"
                "--driver NAME    a VFIO driver for all, instead of the one made for each device\n"
                "--type TYPE      DMA or DMA-FQ: of the groups' default domains while the lease lasts\n"
                "--ram SIZE       memory that is to be mapped: warns if the limit on locking is too small\n"
                "--release-console  root only: take the host's console off the screen until release\n"
                "--force          root only: take what the host lives on (the journal says what)\n"
                "--wait[=SECONDS] wait for who has them, first come, first served\n",
        .options = OPTION_MODE | OPTION_UID | OPTION_MEMBERS | OPTION_FORCE | OPTION_DRIVER |
                   OPTION_TYPE | OPTION_RAM | OPTION_CONSOLE | OPTION_WAIT,
        .min_arguments = 1,
        .max_arguments = ANY_NUMBER,
        .host = VERB_HOST_DAEMON,
        .run = run_acquire,
};
