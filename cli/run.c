/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Runs a program under a lease. The lease depends on a file descriptor that only isoctl holds, so
 * it ends with isoctl, however isoctl ends. The program inherits only the fds that its command
 * line names.
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

/* Prints the lease and the reason for its mode on stderr, because stdout belongs to the program. */
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
                note("mode %s, because the command %s; --mode selects another mode", lease->mode,
                     strcmp(lease->mode, "path") == 0 ? "names no fd and so opens the nodes itself"
                                                      : "names its fds");
}

/*
 * VFIO releases a device when its last fd is closed, so isoctl closes its fds before the lease
 * ends.
 */
static int give_back(const Invocation *invocation, iso_grant *grant)
{
        int r;

        for (size_t i = 0; i < grant->n_fds; i++)
                if (grant->fds[i].fd >= 0) {
                        (void)close(grant->fds[i].fd);
                        grant->fds[i].fd = -1;
                }
        r = iso_release(invocation->host, grant->lease);
        if (r == 0 ||
            r == ISO_E_NOT_FOUND) /* the lease may have ended by itself: a device was unplugged */
                return EXIT_DONE;
        note("lease %u was not released: %s", grant->lease, iso_host_message(invocation->host));
        return iso_error_exit_code(r);
}

static int run_command(const Invocation *invocation, iso_grant *grant, const Command *command)
{
        int *fds = must(calloc(grant->n_fds + 1, sizeof(*fds)));
        int code = EXIT_FAILED, error = 0, r;
        size_t n = 0;

        /*
         * isoctl closes its copies of the fds that the command gets. It keeps the others: while
         * the daemon is stopped, they keep the kernel's claim alive.
         */
        for (size_t i = 0; i < grant->n_fds; i++)
                if (command->is_used[i]) {
                        fds[n++] = grant->fds[i].fd;
                        grant->fds[i].fd = -1;
                }
        r = child_run(command->words, fds, n, &code, &error);
        free(fds);
        if (r < 0)
                return fail_refusal(invocation, r, "starting a process failed: %s", strerror(-r));
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
        .summary = "lease groups for a command, then release them",
        .help = "In COMMAND, the number of an inherited fd replaces {container}, {iommufd},\n"
                "{group}, {group:N} and {device:ADDRESS}. Exits with COMMAND's exit code.\n"
                "--mode MODE[,…]  of several the first that policy and guard allow. Default, by\n"
                "                 names in COMMAND: {iommufd}, {device}: iommufd-unbound,iommufd;\n"
                "                 {container}, {group}: vfio; no name: path\n"
                "                 vfio: {container}, {group:N}\n"
                "                 iommufd: {iommufd}, {device:ADDRESS}, already bound to it\n"
                "                 iommufd-unbound: the same, for programs that bind, as QEMU does\n"
                "                 group-fd: {group:N}, for programs that make their container\n"
                "                 path: no fds; COMMAND opens the nodes, as DPDK does\n"
                ACQUIRE_OPTIONS_HELP,
        .options = ACQUIRE_OPTIONS | OPTION_COMMAND,
        .min_arguments = 1,
        .max_arguments = ANY_NUMBER,
        .host = VERB_HOST_DAEMON,
        .run = run_run,
};
