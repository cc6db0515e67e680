/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Writes this machine, or one that --from can read, to one file: for a bug report, a test, or
 * analysis on another machine.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/isoctl.h"

static void close_fd(int *fd)
{
        if (*fd > STDOUT_FILENO)
                (void)close(*fd);
}

static int run_snapshot(Invocation *invocation)
{
        unsigned flags = invocation->anonymise ? ISO_SNAPSHOT_ANONYMISE : 0;
        _cleanup_(close_fd) int fd = STDOUT_FILENO;
        int r;

        if (!invocation->from && geteuid() != 0)
                note("only root can read more than the first 64 bytes of a configuration space; "
                     "the snapshot leaves the rest unknown");
        if (invocation->output && strcmp(invocation->output, "-") != 0) {
                fd = open(invocation->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY,
                          0666);
                if (fd < 0)
                        return fail_refusal(invocation, -errno, "writing %s failed: %s",
                                            invocation->output, strerror(errno));
        }
        r = iso_host_write_snapshot(invocation->host, flags, fd);
        return r == 0 ? EXIT_DONE : fail_host(invocation, r);
}

const Verb verb_snapshot = {
        .name = "snapshot",
        .arguments = "",
        .summary = "write the machine to a file that --from reads",
        .help = "--anonymise    leave out serial numbers and most of the kernel's command line\n"
                "-o FILE        write to FILE (--output FILE); default: standard output\n"
                "Without --from, reads this machine's /sys; only root can read all of it.\n",
        .options = OPTION_FROM | OPTION_ANONYMISE | OPTION_OUTPUT,
        .host = VERB_HOST_FILE,
        .run = run_snapshot,
};
