/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A program under a lease. The lease is bound to a file descriptor that only isoctl holds: however
 * isoctl ends, the lease does. The program gets the fds that its command line names, and no others.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/lease_text.h"
#include "cli/substitute.h"
#include "cli/text.h"

static void free_grant(iso_grant **grant)
{
        (void)iso_grant_free(*grant);
}

/* One line on stderr: stdout is the program's. */
static void announce(const Invocation *invocation, uint32_t id)
{
        _cleanup_(free_text) char *line = NULL;
        const iso_lease *lease = NULL;

        if (iso_host_refresh(invocation->host) == 0)
                lease = lease_find(invocation->host, id);
        if (lease && invocation->json) {
                json_print_to(json_acquired(lease), stderr);
                return;
        }
        line = lease ? lease_describe(lease) : must_format("lease %u", id);
        (void)fprintf(stderr, "%s\n", line);
}

/* VFIO lets go of a device when its last fd is closed, so ours go before the lease does. */
static int give_back(const Invocation *invocation, iso_grant *grant)
{
        int r;

        for (size_t i = 0; i < grant->n_fds; i++) {
                (void)close(grant->fds[i].fd);
                grant->fds[i].fd = -1;
        }
        r = iso_release(invocation->host, grant->lease);
        if (r == 0 || r == ISO_E_NOT_FOUND) /* it may have ended by itself: a device pulled */
                return EXIT_DONE;
        note("lease %u was not given back: %s", grant->lease, iso_host_message(invocation->host));
        return iso_error_exit_code(r);
}

static int run_command(const Invocation *invocation, const iso_grant *grant, const Command *command)
{
        int *fds = must(calloc(grant->n_fds + 1, sizeof(*fds)));
        int code = EXIT_FAILED, error = 0, r;
        size_t n = 0;

        for (size_t i = 0; i < grant->n_fds; i++)
                if (command->is_used[i])
                        fds[n++] = grant->fds[i].fd;
        r = child_run(command->words, fds, n, &code, &error);
        free(fds);
        if (r < 0)
                return fail_refusal(invocation, r, "no process could be started: %s", strerror(-r));
        if (error != 0)
                note("%s: %s", command->words[0], strerror(error));
        return code;
}

static int run_run(Invocation *invocation)
{
        iso_acquire_options options = lease_options(invocation, "fd");
        _cleanup_(command_deinit) Command command = {0};
        _cleanup_(free_grant) iso_grant *grant = NULL;
        int code, returned, r;

        r = iso_acquire(invocation->host, invocation->arguments, &options, &grant);
        if (r != 0)
                return fail_host(invocation, r);

        announce(invocation, grant->lease);
        code = command_substitute(invocation, grant, &command);
        if (code == EXIT_DONE)
                code = run_command(invocation, grant, &command);
        returned = give_back(invocation, grant);
        return code == EXIT_DONE ? returned : code;
}

const Verb verb_run = {
        .name = "run",
        .arguments = "SELECTOR...",
        .summary = "lease groups for a command, give them back",
        .help = "In COMMAND, the number of an inherited fd replaces {container}, {iommufd}, "
                "{group},\n"
                "{group:N} and {device:ADDRESS}. Returns COMMAND's exit code.\n"
                "--mode MODE      vfio (the default): container, group:N, device:ADDRESS\n"
                "                 iommufd: iommufd, device:ADDRESS\n"
                "--with-members   also take members bound to host drivers that no selector names\n"
                "--force          root only: skip the check for devices that the host lives on\n",
        .options = OPTION_MODE | OPTION_MEMBERS | OPTION_FORCE | OPTION_COMMAND,
        .min_arguments = 1,
        .max_arguments = ANY_NUMBER,
        .host = VERB_HOST_DAEMON,
        .run = run_run,
};
