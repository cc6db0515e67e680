/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * --host: the same command on another machine, by ssh(1). isoctl there reads that machine, so all
 * verbs work, files on the command line are those of that machine, and ssh returns its exit code.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/isoctl.h"
#include "cli/output.h"

/* A word for the shell of the other machine. */
static char *quote(const char *word)
{
        char *quoted = must(malloc(strlen(word) * 4 + 3)), *p = quoted;

        *p++ = '\'';
        for (; *word; word++) {
                if (*word == '\'')
                        p = stpcpy(p, "'\\''");
                else
                        *p++ = *word;
        }
        (void)stpcpy(p, "'");
        return quoted;
}

static char *append(char *line, const char *word)
{
        _cleanup_(free_text) char *quoted = quote(word);
        char *longer = must_format("%s %s", line, quoted);

        free(line);
        return longer;
}

/*
 * The argument of --host at argv[i], which may be of two words: then *ret_words is 2. NULL if it is
 * another option.
 */
static const char *host_of(char **argv, int i, int *ret_words)
{
        const char *word = argv[i];

        *ret_words = 1;
        if (strncmp(word, "--host=", 7) == 0)
                return word + 7;
        if (strncmp(word, "-H", 2) == 0 && word[2])
                return word + 2;
        if (strcmp(word, "--host") != 0 && strcmp(word, "-H") != 0)
                return NULL;
        *ret_words = 2;
        return argv[i + 1] ? argv[i + 1] : "";
}

int run_remotely(int argc, char **argv)
{
        const char *host = NULL;
        char *line;
        int words = 1;

        for (int i = 1; i < argc && !host && strcmp(argv[i], "--") != 0; i++)
                host = host_of(argv, i, &words);
        if (!host)
                return EXIT_DONE;
        if (!*host || *host == '-')
                return fail_usage(&(Invocation){.json = false},
                                  "--host needs a machine: [USER@]HOST");

        /* The width of this terminal: there is none on the other side. */
        output_init(false);
        line = output_width() > 0 ? must_format("COLUMNS=%zu isoctl", output_width())
                                  : must_format("isoctl");
        for (int i = 1, behind = 0; i < argc; i++) {
                behind |= strcmp(argv[i], "--") == 0;
                if (!behind && host_of(argv, i, &words))
                        i += words - 1;
                else
                        line = append(line, argv[i]);
        }
        (void)execlp("ssh", "ssh", "-xT", "--", host, line, (char *)NULL);
        note("ssh cannot be run: %s (on Debian: apt install openssh-client)", strerror(errno));
        free(line);
        return EXIT_FAILED;
}
