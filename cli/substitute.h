/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The command of `run`, with the names of fds replaced by their numbers. */

#include "cli/isoctl.h"

typedef struct Command {
        char **words;  /* NULL-terminated */
        bool *is_used; /* for each fd of the grant: a word has its number */
} Command;

void command_deinit(Command *command);

/*
 * Replaces {iommufd}, {container}, {group} (the only one), {group:N} and {device:BDF} in the
 * invocation's command; other braces stay. Returns EXIT_DONE, or the exit code after reporting the
 * name for which the lease has no fd.
 */
int command_substitute(Invocation *invocation, const iso_grant *grant, Command *ret_command);

/*
 * *ret gets the mode that provides the fds that a command names, or several modes, separated by
 * commas, the likeliest first. A command that names no fd opens the nodes itself. The text is
 * static. Returns EXIT_DONE, or EXIT_USAGE after reporting that no mode provides all of them.
 */
int command_find_mode(const Invocation *invocation, const char **ret_mode);
