/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opens the machine that a verb reads: the daemon's view, a copy, or this machine's /sys. */

#include <unistd.h>

#include "cli/isoctl.h"

#define SYSFS "/sys"
#define NOTES_SHOWN 12

/* Prints the reader's notes on what it did not understand. */
static void print_notes(const Invocation *invocation)
{
        size_t n;
        const iso_note *notes = iso_host_notes(invocation->host, &n);

        for (size_t i = 0; i < n && i < NOTES_SHOWN; i++)
                note("note: %s", notes[i].text);
        if (n > NOTES_SHOWN)
                note("note: %zu further notes are not shown", n - NOTES_SHOWN);
}

static int open_from(Invocation *invocation)
{
        int r = iso_host_open_file_with_groups(invocation->from, invocation->groups,
                                               invocation->verb->reading, &invocation->host);

        if (r != 0)
                return fail_host(invocation, r);
        print_notes(invocation);
        return EXIT_DONE;
}

static int open_sysfs(Invocation *invocation)
{
        int r = iso_host_open_file(SYSFS, invocation->verb->reading, &invocation->host);

        return r == 0 ? EXIT_DONE : fail_host(invocation, r);
}

int open_tree(Invocation *invocation)
{
        return invocation->from ? open_from(invocation) : open_sysfs(invocation);
}

int open_host(Invocation *invocation)
{
        int r;

        if (invocation->verb->host == VERB_HOST_NONE)
                return EXIT_DONE;
        if (invocation->from || invocation->verb->host == VERB_HOST_FILE)
                return open_tree(invocation);
        r = iso_host_open_daemon(&invocation->host);
        return r == 0 ? EXIT_DONE : fail_host(invocation, r);
}

int use_tree(Invocation *invocation)
{
        if (invocation->from || invocation->verb->host == VERB_HOST_FILE)
                return EXIT_DONE;
        if (geteuid() != 0)
                note("only root can read more than the first 64 bytes of a configuration space; "
                     "isoctl assumes that the rest gives no isolation");
        invocation->host = iso_host_free(invocation->host);
        return open_sysfs(invocation);
}
