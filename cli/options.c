/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The command line. Options may stand anywhere before `--`; a verb's row says which it takes. What
 * follows the first `--` of a verb that runs a command is that command, untouched.
 */

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/isoctl.h"

enum {
        KEY_FROM = 256,
        KEY_JSON,
        KEY_PARTITION,
        KEY_MODE,
        KEY_MEMBERS,
        KEY_FORCE,
        KEY_ANONYMISE,
        KEY_WHAT_IF,
        KEY_HELP,
        KEY_VERSION,
};

static const struct option long_options[] = {
        {"from", required_argument, NULL, KEY_FROM},
        {"json", no_argument, NULL, KEY_JSON},
        {"partition", required_argument, NULL, KEY_PARTITION},
        {"mode", required_argument, NULL, KEY_MODE},
        {"with-members", no_argument, NULL, KEY_MEMBERS},
        {"force", no_argument, NULL, KEY_FORCE},
        {"anonymise", no_argument, NULL, KEY_ANONYMISE},
        {"what-if", required_argument, NULL, KEY_WHAT_IF},
        {"output", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, KEY_HELP},
        {"version", no_argument, NULL, KEY_VERSION},
        {NULL, 0, NULL, 0},
};

/* What one reading of the options has seen. */
typedef struct Seen {
        unsigned options;
        bool help;
        bool version;
} Seen;

static int read_option(Invocation *invocation, int key, Seen *seen)
{
        switch (key) {
        case KEY_FROM:
                invocation->from = optarg;
                seen->options |= OPTION_FROM;
                return EXIT_DONE;
        case KEY_JSON:
                invocation->json = true;
                return EXIT_DONE;
        case KEY_PARTITION:
                invocation->partition = optarg;
                seen->options |= OPTION_PARTITION;
                return EXIT_DONE;
        case KEY_MODE:
                invocation->mode = optarg;
                seen->options |= OPTION_MODE;
                return EXIT_DONE;
        case KEY_MEMBERS:
                invocation->with_members = true;
                seen->options |= OPTION_MEMBERS;
                return EXIT_DONE;
        case KEY_FORCE:
                invocation->force = true;
                seen->options |= OPTION_FORCE;
                return EXIT_DONE;
        case KEY_ANONYMISE:
                invocation->anonymise = true;
                seen->options |= OPTION_ANONYMISE;
                return EXIT_DONE;
        case KEY_WHAT_IF:
                invocation->what_if = optarg;
                seen->options |= OPTION_WHAT_IF;
                return EXIT_DONE;
        case 'o':
                invocation->output = optarg;
                seen->options |= OPTION_OUTPUT;
                return EXIT_DONE;
        case 'h':
        case KEY_HELP:
                seen->help = true;
                return EXIT_DONE;
        case KEY_VERSION:
                seen->version = true;
                return EXIT_DONE;
        default:
                return EXIT_USAGE;
        }
}

static int read_options(int argc, char **argv, Invocation *invocation, Seen *seen)
{
        int key;

        opterr = 0;
        while ((key = getopt_long(argc, argv, ":ho:", long_options, NULL)) != -1) {
                if (key == ':')
                        return fail_usage(invocation, "%s needs a value", argv[optind - 1]);
                if (read_option(invocation, key, seen) == EXIT_DONE)
                        continue;
                if (optopt != 0 && optopt < 256)
                        return fail_usage(invocation, "there is no option -%c", optopt);
                return fail_usage(invocation, "there is no option like %s", argv[optind - 1]);
        }
        return EXIT_DONE;
}

static const char *option_name(unsigned option)
{
        switch (option) {
        case OPTION_FROM:
                return "--from";
        case OPTION_PARTITION:
                return "--partition";
        case OPTION_MODE:
                return "--mode";
        case OPTION_MEMBERS:
                return "--with-members";
        case OPTION_FORCE:
                return "--force";
        case OPTION_ANONYMISE:
                return "--anonymise";
        case OPTION_OUTPUT:
                return "--output";
        case OPTION_WHAT_IF:
                return "--what-if";
        default:
                return "--";
        }
}

static int check_arguments(const Invocation *invocation, unsigned seen)
{
        const Verb *verb = invocation->verb;

        for (unsigned option = OPTION_FROM; option <= OPTION_WHAT_IF; option <<= 1)
                if (seen & option & ~verb->options)
                        return fail_usage(invocation, "%s takes no %s", verb->name,
                                          option_name(option));
        if (invocation->n_arguments < verb->min_arguments)
                return fail_usage(invocation, "%s needs %s", verb->name, verb->arguments);
        if (invocation->n_arguments > verb->max_arguments)
                return fail_usage(invocation, "%s takes no '%s'", verb->name,
                                  invocation->arguments[verb->max_arguments]);
        if ((verb->options & OPTION_COMMAND) && !(invocation->command && invocation->command[0]))
                return fail_usage(invocation, "%s needs a command after --", verb->name);
        return EXIT_DONE;
}

/* Ends the options of a `run` at its `--`, and finds the command behind it. */
static int split_command(int argc, char **argv, Invocation *invocation)
{
        for (int i = 1; i < argc; i++)
                if (strcmp(argv[i], "--") == 0) {
                        invocation->command = argv + i + 1;
                        argv[i] = NULL;
                        return i;
                }
        return argc;
}

/* Errors before --json has been read are told as it demands all the same. */
static bool has_json(int argc, char **argv)
{
        for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
                if (strcmp(argv[i], "--json") == 0)
                        return true;
        return false;
}

/* The verb's row decides whether `--` starts a command, so it is looked for before the options. */
static bool runs_command(int argc, char **argv)
{
        for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
                const Verb *verb = verb_find(argv[i]);

                if (verb)
                        return verb->options & OPTION_COMMAND;
        }
        return false;
}

int options_parse(int argc, char **argv, Invocation *invocation)
{
        Seen seen = {0};
        int code;

        invocation->json = has_json(argc, argv);
        if (runs_command(argc, argv))
                argc = split_command(argc, argv, invocation);
        code = read_options(argc, argv, invocation, &seen);
        if (code != EXIT_DONE)
                return code;

        if (seen.version)
                invocation->verb = &verb_version;
        else if (optind < argc)
                invocation->verb = verb_find(argv[optind]);
        else if (seen.help)
                invocation->verb = &verb_help;
        if (!invocation->verb)
                return optind < argc
                               ? fail_usage(invocation, "there is no verb '%s'", argv[optind])
                               : fail_usage(invocation, "a verb is needed, for instance: list");
        if (seen.help || seen.version) {
                /* `isoctl list --help` is `isoctl help list`. */
                invocation->arguments =
                        (const char *const *)(argv + (optind < argc ? optind : argc));
                invocation->n_arguments = seen.help && optind < argc;
                if (seen.help)
                        invocation->verb = &verb_help;
                return EXIT_DONE;
        }

        invocation->arguments = (const char *const *)(argv + optind + 1);
        invocation->n_arguments = (size_t)(argc - optind - 1);
        return check_arguments(invocation, seen.options);
}
