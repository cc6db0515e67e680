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

/* A line on stderr, and why that mode: stdout is the program's. */
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
        if (lease && *lease->memory_warning)
                note("%s", lease->memory_warning);
        line = lease ? lease_describe(lease) : must_format("lease %u", id);
        (void)fprintf(stderr, "%s\n", line);
        if (lease && !invocation->mode)
                note("mode %s, by what the command %s; --mode chooses another", lease->mode,
                     strcmp(lease->mode, "path") == 0 ? "does not name: it opens the nodes itself"
                                                      : "names");
}

/* VFIO lets go of a device when its last fd is closed, so ours go before the lease does. */
static int give_back(const Invocation *invocation, iso_grant *grant)
{
        int r;

        for (size_t i = 0; i < grant->n_fds; i++)
                if (grant->fds[i].fd >= 0) {
                        (void)close(grant->fds[i].fd);
                        grant->fds[i].fd = -1;
                }
        r = iso_release(invocation->host, grant->lease);
        if (r == 0 || r == ISO_E_NOT_FOUND) /* it may have ended by itself: a device pulled */
                return EXIT_DONE;
        note("lease %u was not given back: %s", grant->lease, iso_host_message(invocation->host));
        return iso_error_exit_code(r);
}

static int run_command(const Invocation *invocation, iso_grant *grant, const Command *command)
{
        int *fds = must(calloc(grant->n_fds + 1, sizeof(*fds)));
        int code = EXIT_FAILED, error = 0, r;
        size_t n = 0;

        /*
         * What the command is given is its alone. The rest stays here: while the daemon is stopped these
         * copies are what the kernel's claim hangs on.
         */
        for (size_t i = 0; i < grant->n_fds; i++)
                if (command->is_used[i]) {
                        fds[n++] = grant->fds[i].fd;
                        grant->fds[i].fd = -1;
                }
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

        if (!options.mode) {
                code = command_find_mode(invocation, &options.mode);
                if (code != EXIT_DONE)
                        return code;
        }
        r = iso_acquire(invocation->host, invocation->arguments, &options, &grant);
        if (r != 0)
                return fail_acquire(invocation, r);

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
                "--mode MODE[,…]  of several the first that will do; without it, by what COMMAND\n"
                "                 names: {iommufd}, {device:…}: iommufd-unbound,iommufd;\n"
                "                 {container}, {group}: vfio; nothing: path\n"
                "                 vfio: {container}, {group:N}\n"
                "                 iommufd: {iommufd}, {device:ADDRESS}, which is bound to it\n"
                "                 iommufd-unbound: the same, for programs that bind, as QEMU does\n"
                "                 group-fd: {group:N}, for programs that make their container\n"
                "                 path: none; COMMAND opens the nodes, as DPDK does\n"
                "--uid USER       path, group-fd: who may open the nodes; another than yourself "
                "is\n"
                "                 for root\n"
                "--with-members   also take members bound to host drivers that no selector names\n"
                "--driver NAME    a VFIO driver for all, instead of the one made for each device\n"
                "--type TYPE      DMA or DMA-FQ: of the groups' default domains while the lease "
                "lasts\n"
                "--ram SIZE       memory that is to be mapped: warns if the limit on locking is "
                "too small\n"
                "--release-console  root only: take the host's console off the screen until "
                "release\n"
                "--force          root only: take what the host lives on (the journal says what)\n"
                "--wait[=SECONDS] wait for who has them, first come, first served\n",
        .options = OPTION_MODE | OPTION_UID | OPTION_MEMBERS | OPTION_FORCE | OPTION_DRIVER |
                   OPTION_TYPE | OPTION_RAM | OPTION_CONSOLE | OPTION_WAIT | OPTION_COMMAND,
        .min_arguments = 1,
        .max_arguments = ANY_NUMBER,
        .host = VERB_HOST_DAEMON,
        .run = run_run,
};
