/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Requesting and printing a lease, shared by `acquire`, `run` and `plan`. */

#include "cli/document.h"
#include "cli/isoctl.h"

/* The options of `acquire`, which `run` takes too, and `plan` except --wait. */
#define ACQUIRE_OPTIONS                                                                            \
        (OPTION_MODE | OPTION_UID | OPTION_MEMBERS | OPTION_FORCE | OPTION_DRIVER | OPTION_TYPE |  \
         OPTION_RAM | OPTION_CONSOLE | OPTION_WAIT)

/* Their help, except that of --mode, which differs. */
#define ACQUIRE_OPTIONS_HELP                                                                       \
        "--uid USER       path, group-fd: the user that may open the nodes; another user\n"        \
        "                 than yourself requires root\n"                                           \
        "--with-members   also take members bound to host drivers that no selector names\n"        \
        "--driver NAME    bind this VFIO driver to all devices, not the one made for each\n"       \
        "--type TYPE      DMA or DMA-FQ: the type of the default domains during the lease\n"       \
        "--ram SIZE       memory to map: warn if the limit on locked memory is too small\n"        \
        "--release-console  root only: unbind the host's console from the screen during\n"         \
        "                 the lease\n"                                                             \
        "--force          root only: take devices that the host uses (see the journal)\n"          \
        "--wait[=SECONDS] wait in the queue if a group is leased (first come first served)\n"

/* The request that the invocation's options make, with that lifetime. */
iso_acquire_options lease_options(const Invocation *invocation, const char *lifetime);

/*
 * Reports the refusal of iso_acquire(). Returns the exit code; a wait that timed out has its own.
 */
int fail_acquire(const Invocation *invocation, int error);

/* "lease 7 · group 0000:00/1c.4 · vfio · guard owned"; the caller frees it. */
char *lease_describe(const iso_lease *lease);

/* The document isolationd.acquire/1. */
json_object *json_acquired(const iso_lease *lease);

/* Prints that the verb has ended a lease; `how` is a word or two. */
void tell_ended(const Invocation *invocation, uint32_t lease, const char *how,
                const iso_reset *resets, size_t n);
