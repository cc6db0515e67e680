/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * isoctl: isolation groups for people and scripts. A command line becomes a verb and what it needs;
 * the verb does the rest. What was printed has to have arrived: a full disk is a failure.
 */

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/isoctl.h"

#define SYSFS "/sys"
#define NOTES_SHOWN 12

const Verb *const all_verbs[] = {
        &verb_list,
        &verb_show,
        &verb_groups,
        &verb_tree,
        &verb_explain,
        &verb_compare,
        &verb_plan,
        &verb_acquire,
        &verb_release,
        &verb_revoke,
        &verb_run,
        &verb_leases,
        &verb_holders,
        &verb_wait,
        &verb_transfer,
        &verb_take,
        &verb_expel,
        &verb_repair,
        &verb_reset,
        &verb_type,
        &verb_memlock,
        &verb_monitor,
        &verb_history,
        &verb_doctor,
        &verb_policy,
        &verb_reserve,
        &verb_snapshot,
        &verb_version,
        &verb_help,
        NULL,
};

const Verb *verb_find(const char *name)
{
        for (size_t i = 0; all_verbs[i]; i++)
                if (strcmp(all_verbs[i]->name, name) == 0)
                        return all_verbs[i];
        return NULL;
}

/* What the reader did not understand. */
static void print_notes(const Invocation *invocation)
{
        size_t n;
        const iso_note *notes = iso_host_notes(invocation->host, &n);

        for (size_t i = 0; i < n && i < NOTES_SHOWN; i++)
                note("note: %s", notes[i].text);
        if (n > NOTES_SHOWN)
                note("note: and %zu more things were not understood", n - NOTES_SHOWN);
}

int open_from(Invocation *invocation)
{
        int r = iso_host_open_file_with_groups(invocation->from, invocation->groups,
                                               invocation->verb->reading, &invocation->host);

        if (r != 0)
                return fail_host(invocation, r);
        print_notes(invocation);
        return EXIT_DONE;
}

static int open_host(Invocation *invocation)
{
        int r;

        if (invocation->verb->host == VERB_HOST_NONE)
                return EXIT_DONE;
        if (invocation->from)
                return open_from(invocation);
        if (invocation->verb->host == VERB_HOST_FILE)
                r = iso_host_open_file(SYSFS, invocation->verb->reading, &invocation->host);
        else
                r = iso_host_open_daemon(&invocation->host);
        return r == 0 ? EXIT_DONE : fail_host(invocation, r);
}

int use_tree(Invocation *invocation)
{
        int r;

        if (invocation->from || invocation->verb->host == VERB_HOST_FILE)
                return EXIT_DONE;
        if (geteuid() != 0)
                note("only root can read more than 64 bytes of a device: what the rest says is "
                     "taken for the worst");
        invocation->host = iso_host_free(invocation->host);
        r = iso_host_open_file(SYSFS, invocation->verb->reading, &invocation->host);
        return r == 0 ? EXIT_DONE : fail_host(invocation, r);
}

int main(int argc, char **argv)
{
        Invocation invocation = {0};
        int code;

        (void)setlocale(LC_TIME, "");
        code = options_parse(argc, argv, &invocation);
        if (code == EXIT_DONE)
                code = open_host(&invocation);
        if (code == EXIT_DONE)
                code = invocation.verb->run(&invocation);
        invocation.host = iso_host_free(invocation.host);

        if (fflush(stdout) != 0 || ferror(stdout)) {
                note("the output could not be written: %s", strerror(errno));
                return code == EXIT_DONE ? EXIT_FAILED : code;
        }
        return code;
}
