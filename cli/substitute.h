/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The command of `run`, with the numbers of fds in the places of their names.
 */

#include "cli/isoctl.h"

typedef struct Command {
        char **words;  /* NULL-terminated */
        bool *is_used; /* per fd of the grant: its number is in a word */
} Command;

void command_deinit(Command *command);

/*
 * Replaces {iommufd}, {container}, {group} (the only one), {group:N} and {device:BDF} in the
 * invocation's command; other braces stay. Returns EXIT_DONE, or the exit code after saying which
 * name the lease has no fd for.
 */
int command_substitute(Invocation *invocation, const iso_grant *grant, Command *ret_command);

/*
 * The mode that hands out what a command names, or several between commas, the likeliest first; one
 * that names nothing opens nodes by itself. Static. Returns EXIT_DONE, or EXIT_USAGE when it has
 * said that no mode has it all.
 */
int command_find_mode(const Invocation *invocation, const char **ret_mode);
