/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Parses the command line. Options may stand anywhere before `--`; a verb's row lists the options
 * that it takes. For a verb that runs a command, the words after the first `--` are that command.
 */

#include <assert.h>
#include <getopt.h>
#include <pwd.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/isoctl.h"

#define WAIT_SECONDS_MAX 1e9

const Verb *verb_find(const Verb *const *verbs, const char *name)
{
        for (size_t i = 0; verbs[i]; i++)
                if (strcmp(verbs[i]->name, name) == 0)
                        return verbs[i];
        return NULL;
}

/* The options that one pass over the command line has seen. */
typedef struct Seen {
        uint64_t rows; /* 1 << the row's index */
        bool help;
        bool version;
} Seen;

/* Reads seconds, which may have a fraction; without a number, isoctl waits without a limit. */
static int read_wait(Invocation *invocation)
{
        char *end = NULL;
        double seconds = optarg ? strtod(optarg, &end) : 0;

        invocation->wait_usec = ISO_WAIT_FOREVER;
        if (!optarg)
                return EXIT_DONE;
        if (end == optarg || *end || !(seconds > 0 && seconds <= WAIT_SECONDS_MAX))
                return fail_usage(invocation, "--wait=%s: give a number of seconds above 0",
                                  optarg);
        invocation->wait_usec = (uint64_t)(seconds * 1e6);
        return EXIT_DONE;
}

/* Names go before numbers: a user's name may consist of digits. */
bool find_user(const char *text, uid_t *ret_uid)
{
        const struct passwd *user = getpwnam(text);
        unsigned long number = user ? user->pw_uid : strtoul(text, NULL, 10);

        if (!user &&
            (!*text || strspn(text, "0123456789") != strlen(text) || number >= UINT32_MAX))
                return false; /* UINT32_MAX is not a valid uid */
        *ret_uid = (uid_t)number;
        return true;
}

static int read_uid(Invocation *invocation)
{
        if (!find_user(optarg, &invocation->uid_value))
                return fail_usage(invocation, "unknown user %s", optarg);
        invocation->uid = &invocation->uid_value;
        return EXIT_DONE;
}

static int read_ram(Invocation *invocation)
{
        if (!iso_parse_size(optarg, &invocation->memory))
                return fail_usage(
                        invocation,
                        "%s is not a size; use for instance 16G, 512M, or a number of bytes",
                        optarg);
        return EXIT_DONE;
}

/* An option: it sets a text or a flag, or calls `read`. */
typedef struct Row {
        const char *name;
        unsigned option; /* OPTION_…; 0: every verb takes it */
        int argument;    /* a constant of getopt_long() */
        size_t text;     /* offset of a const char *, or 0 */
        size_t flag;     /* offset of a bool, or 0 */
        int (*read)(Invocation *invocation);
        char letter; /* its short form, or 0 */
} Row;

#define TEXT_OF(field) .argument = required_argument, .text = offsetof(Invocation, field)
#define FLAG_OF(field) .flag = offsetof(Invocation, field)

static const Row rows[] = {
        {"from", OPTION_FROM, TEXT_OF(from)},
        {"groups", OPTION_FROM, TEXT_OF(groups)},
        {"root", OPTION_FROM, TEXT_OF(root)},
        {"json", 0, FLAG_OF(json)},
        {"no-legend", 0, FLAG_OF(without_legend)},
        {"quiet", 0, FLAG_OF(quiet), .letter = 'q'},
        {"verbose", 0, FLAG_OF(verbose), .letter = 'v'},
        {"partition", OPTION_PARTITION, TEXT_OF(partition)},
        {"mode", OPTION_MODE, TEXT_OF(mode)},
        {"uid", OPTION_UID, .argument = required_argument, .read = read_uid},
        {"with-members", OPTION_MEMBERS, FLAG_OF(with_members)},
        {"driver", OPTION_DRIVER, TEXT_OF(driver)},
        {"type", OPTION_TYPE, TEXT_OF(type)},
        {"ram", OPTION_RAM, .argument = required_argument, .read = read_ram},
        {"viommu", OPTION_VIOMMU, FLAG_OF(viommu)},
        {"pid", OPTION_PID, TEXT_OF(pid)},
        {"force", OPTION_FORCE, FLAG_OF(force)},
        {"wait", OPTION_WAIT, .argument = optional_argument, .read = read_wait},
        {"to", OPTION_TO, TEXT_OF(to)},
        {"dry-run", OPTION_DRY_RUN, FLAG_OF(dry_run)},
        {"release-console", OPTION_CONSOLE, FLAG_OF(release_console)},
        {"kill", OPTION_KILL, FLAG_OF(kill)},
        {"grace", OPTION_GRACE, TEXT_OF(grace)},
        {"since", OPTION_SINCE, TEXT_OF(since)},
        {"anonymise", OPTION_ANONYMISE, FLAG_OF(anonymise)},
        {"what-if", OPTION_WHAT_IF, TEXT_OF(what_if)},
        {"any-names", OPTION_ANY_NAMES, FLAG_OF(any_names)},
        {"accept", OPTION_ACCEPT, TEXT_OF(accept)},
        {"policy", OPTION_POLICY, TEXT_OF(policy)},
        {"dot", OPTION_FORMAT, FLAG_OF(dot)},
        {"svg", OPTION_FORMAT, FLAG_OF(svg)},
        {"if-on", OPTION_IF, FLAG_OF(if_on)},
        {"acs-override", OPTION_IF, TEXT_OF(acs_override)},
        {"output", OPTION_OUTPUT, TEXT_OF(output), .letter = 'o'},
};

enum {
        KEY_ROW = 256, /* plus the row's index */
        KEY_HELP = KEY_ROW + ARRAY_SIZE(rows),
        KEY_VERSION,
};

static_assert(ARRAY_SIZE(rows) <= 64, "Seen.rows has a bit for each row");

static int read_row(Invocation *invocation, const Row *row, Seen *seen)
{
        char *base = (char *)invocation;

        seen->rows |= UINT64_C(1) << (row - rows);
        if (row->text)
                *(const char **)(base + row->text) = optarg;
        if (row->flag)
                *(bool *)(base + row->flag) = true;
        return row->read ? row->read(invocation) : EXIT_DONE;
}

/* The row of a key of getopt_long(), or NULL. */
static const Row *find_row(int key)
{
        if (key >= KEY_ROW && key < KEY_HELP)
                return &rows[key - KEY_ROW];
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (rows[i].letter && rows[i].letter == key)
                        return &rows[i];
        return NULL;
}

/* Returns EXIT_DONE, or the exit code after reporting the error. */
static int read_option(Invocation *invocation, int key, const char *word, Seen *seen)
{
        const Row *row = find_row(key);

        if (row)
                return read_row(invocation, row, seen);
        if (key == ':')
                return fail_usage(invocation, "%s needs a value", word);
        if (key == 'h' || key == KEY_HELP)
                seen->help = true;
        else if (key == KEY_VERSION)
                seen->version = true;
        else if (optopt != 0 && optopt < KEY_ROW)
                return fail_usage(invocation, "unknown option -%c", optopt);
        else
                return fail_usage(invocation, "unknown option %s", word);
        return EXIT_DONE;
}

static int read_options(int argc, char **argv, Invocation *invocation, Seen *seen)
{
        struct option options[ARRAY_SIZE(rows) + 3] = {0};
        int key, code = EXIT_DONE;
        size_t n = 0;

        for (; n < ARRAY_SIZE(rows); n++)
                options[n] =
                        (struct option){rows[n].name, rows[n].argument, NULL, KEY_ROW + (int)n};
        options[n++] = (struct option){"help", no_argument, NULL, KEY_HELP};
        options[n++] = (struct option){"version", no_argument, NULL, KEY_VERSION};
        opterr = 0;
        while (code == EXIT_DONE && (key = getopt_long(argc, argv, ":ho:qv", options, NULL)) != -1)
                code = read_option(invocation, key, argv[optind - 1], seen);
        return code;
}

static int check_arguments(Invocation *invocation, const Seen *seen)
{
        const Verb *verb = invocation->verb;

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (seen->rows >> i & 1 && rows[i].option & ~verb->options)
                        return fail_usage(invocation, "%s takes no --%s", verb->name, rows[i].name);
        if (invocation->root && invocation->from)
                return fail_usage(invocation, "--root and --from both name a machine: give one");
        if (invocation->root) {
                invocation->from_root = must_format("%s/sys", invocation->root);
                invocation->from = invocation->from_root;
        }
        if (invocation->groups && !invocation->from)
                return fail_usage(invocation, "--groups needs --from with the output of lspci");
        if (invocation->n_arguments < verb->min_arguments)
                return fail_usage(invocation, "%s needs %s", verb->name, verb->arguments);
        if (invocation->n_arguments > verb->max_arguments)
                return fail_usage(invocation, "%s takes no '%s'", verb->name,
                                  invocation->arguments[verb->max_arguments]);
        if ((verb->options & OPTION_COMMAND) && !(invocation->command && invocation->command[0]))
                return fail_usage(invocation, "%s needs a command after --", verb->name);
        return EXIT_DONE;
}

/* Ends the options at `--` and finds the command after it. */
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

/* Finds --json in advance, so that errors in earlier options honor it too. */
static bool has_json(int argc, char **argv)
{
        for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
                if (strcmp(argv[i], "--json") == 0)
                        return true;
        return false;
}

/*
 * The verb's row decides whether `--` starts a command, so this looks for the verb before options
 * are parsed.
 */
static bool runs_command(const Verb *const *verbs, int argc, char **argv)
{
        for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
                const Verb *verb = verb_find(verbs, argv[i]);

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
        if (runs_command(invocation->verbs, argc, argv))
                argc = split_command(argc, argv, invocation);
        code = read_options(argc, argv, invocation, &seen);
        if (code != EXIT_DONE)
                return code;

        if (seen.version)
                invocation->verb = verb_find(invocation->verbs, "version");
        else if (optind < argc)
                invocation->verb = verb_find(invocation->verbs, argv[optind]);
        else
                invocation->verb = verb_find(invocation->verbs, seen.help ? "help" : "overview");
        if (!invocation->verb)
                return fail_usage(invocation, "unknown verb '%s'", argv[optind]);
        if (seen.help || seen.version) {
                /* `isoctl list --help` means `isoctl help list`. */
                invocation->arguments =
                        (const char *const *)(argv + (optind < argc ? optind : argc));
                invocation->n_arguments = seen.help && optind < argc;
                if (seen.help)
                        invocation->verb = verb_find(invocation->verbs, "help");
                return EXIT_DONE;
        }

        if (optind < argc)
                optind++; /* the verb */
        invocation->arguments = (const char *const *)(argv + optind);
        invocation->n_arguments = (size_t)(argc - optind);
        return check_arguments(invocation, &seen);
}
