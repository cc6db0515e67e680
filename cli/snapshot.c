/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * This machine, or any that --from can read, as one file: for a bug report, a test, or a look at it
 * from elsewhere.
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
                note("only root can read more than 64 bytes of a device: what the rest says is "
                     "left unknown");
        if (invocation->output && strcmp(invocation->output, "-") != 0) {
                fd = open(invocation->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY,
                          0666);
                if (fd < 0)
                        return fail_refusal(invocation, -errno, "%s cannot be written: %s",
                                            invocation->output, strerror(errno));
        }
        r = iso_host_write_snapshot(invocation->host, flags, fd);
        return r == 0 ? EXIT_DONE : fail_host(invocation, r);
}

const Verb verb_snapshot = {
        .name = "snapshot",
        .arguments = "",
        .summary = "the machine as a file that --from reads",
        .help = "--anonymise    without serial numbers and most of the kernel's command line\n"
                "-o FILE        write to FILE (--output FILE); standard output otherwise\n"
                "Without --from, this machine's /sys is read; as root, all of it can be.\n",
        .options = OPTION_FROM | OPTION_ANONYMISE | OPTION_OUTPUT,
        .host = VERB_HOST_FILE,
        .run = run_snapshot,
};
