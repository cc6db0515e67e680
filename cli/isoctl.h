/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a verb is and what it is given.
 *
 * A verb is a row: its name, the options and how many arguments it takes, the host it reads, and
 * its function. Parsing, opening the host, help and usage errors come from the row; the function
 * only does what the verb is about. It returns isoctl's exit code.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libclient/isolation.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define _cleanup_(func) __attribute__((cleanup(func)))
#define _printf_(string, first) __attribute__((format(printf, string, first)))

enum {
        EXIT_DONE = 0,
        EXIT_FAILED = 1,
        EXIT_USAGE = 2,
        EXIT_NOT_FOUND = 3,
};

enum {
        OPTION_FROM = 1 << 0,
        OPTION_PARTITION = 1 << 1,
        OPTION_MODE = 1 << 2,
        OPTION_MEMBERS = 1 << 3,
        OPTION_FORCE = 1 << 4,
        OPTION_COMMAND = 1 << 5, /* takes `-- CMD…` */
        OPTION_ANONYMISE = 1 << 6,
        OPTION_OUTPUT = 1 << 7,
        OPTION_WHAT_IF = 1 << 8,
        OPTION_WAIT = 1 << 9,
        OPTION_TO = 1 << 10,
        OPTION_DRY_RUN = 1 << 11,
        OPTION_DRIVER = 1 << 12,
        OPTION_UID = 1 << 13,
        OPTION_TYPE = 1 << 14,
        OPTION_RAM = 1 << 15,
        OPTION_VIOMMU = 1 << 16,
        OPTION_PID = 1 << 17,
        OPTION_KILL = 1 << 18,
        OPTION_GRACE = 1 << 19,
        OPTION_CONSOLE = 1 << 20,
        OPTION_SINCE = 1 << 21,
        OPTION_ANY_NAMES = 1 << 22,
        OPTION_POLICY = 1 << 23,
        OPTION_ACCEPT = 1 << 24,
};

#define ANY_NUMBER ((size_t)-1)

typedef enum VerbHost {
        VERB_HOST_NONE,
        VERB_HOST_DAEMON,
        VERB_HOST_ANY,  /* the daemon, or what --from names */
        VERB_HOST_FILE, /* what --from names, or this machine's /sys */
} VerbHost;

typedef struct Verb Verb;

typedef struct Invocation {
        const Verb *const *verbs; /* all, in the order of the help, NULL-terminated */
        const Verb *verb;
        bool json;
        const char *from;
        const char *groups; /* --groups: a listing beside it */
        const char *partition;
        const char *mode;
        const uid_t *uid; /* NULL: not asked for */
        uid_t uid_value;
        bool with_members;
        bool force;
        bool anonymise;
        const char *output;
        const char *what_if;
        uint64_t wait_usec; /* 0: not at all; ISO_WAIT_FOREVER */
        const char *to;
        bool dry_run;
        const char *driver;
        const char *type;
        uint64_t memory; /* --ram, in bytes; 0: not said */
        bool viommu;
        const char *pid;
        bool kill;
        const char *grace;
        const char *since;
        bool release_console;
        bool any_names;
        const char *policy; /* --policy */
        const char *accept; /* --accept: a rule */
        const char *const *arguments; /* NULL-terminated */
        size_t n_arguments;
        char **command; /* NULL-terminated; NULL without `--` */
        iso_host *host;
} Invocation;

struct Verb {
        const char *name;
        const char *arguments; /* in the synopsis */
        const char *summary;   /* one line of `isoctl help` */
        const char *help;      /* what `isoctl help VERB` says below the synopsis */
        unsigned options;
        size_t min_arguments;
        size_t max_arguments;
        VerbHost host;
        unsigned reading; /* enum iso_open_flags, of what --from names */
        int (*run)(Invocation *invocation);
};

extern const Verb verb_acquire, verb_compare, verb_doctor, verb_expel, verb_explain, verb_groups,
        verb_help, verb_history, verb_holders, verb_leases, verb_list, verb_memlock, verb_monitor,
        verb_plan, verb_policy, verb_release, verb_repair, verb_reserve, verb_reset, verb_revoke,
        verb_run, verb_show, verb_snapshot, verb_take, verb_transfer, verb_tree, verb_type,
        verb_version, verb_wait;

/* NULL if no verb of the NULL-terminated table has that name. */
const Verb *verb_find(const Verb *const *verbs, const char *name);

/*
 * Fills an invocation, whose `verbs` are set, from the command line; what it holds is borrowed from `argv`, which is
 * permuted. Returns EXIT_DONE, or EXIT_USAGE when it has said what is wrong.
 */
int options_parse(int argc, char **argv, Invocation *invocation);

/* A user by name or number. Returns whether there is one. */
bool find_user(const char *text, uid_t *ret_uid);

/*
 * Open what the verb reads, or the machine that --from (and --groups) name, else this machine's /sys;
 * notes of the reader go to stderr. Return EXIT_DONE, or the exit code after reporting the failure.
 */
int open_host(Invocation *invocation);
int open_tree(Invocation *invocation);

/*
 * Has the invocation read this machine's /sys where it would have asked the daemon: for what only a
 * copy can tell. Returns EXIT_DONE, or the exit code when it has said what is wrong.
 */
int use_tree(Invocation *invocation);

/* Failures: a line on stderr, with --json also an object on stdout. They return the exit code. */
int fail_usage(const Invocation *invocation, const char *format, ...) _printf_(2, 3);
int fail_refusal(const Invocation *invocation, int error, const char *format, ...) _printf_(3, 4);
/* What a function of libisolation returned on the invocation's host. */
int fail_host(const Invocation *invocation, int error);

/* The group that a selector means. Returns EXIT_DONE, or an exit code once it is said why there is none. */
int find_group(const Invocation *invocation, const char *selector, const iso_group **ret_group);

/* One line on stderr that is not a failure. */
void note(const char *format, ...) _printf_(1, 2);

/* Ends isoctl if memory is short (an open lease ends with it); returns the pointer. */
void *must(void *pointer);
char *must_format(const char *format, ...) _printf_(1, 2);
char *must_vformat(const char *format, va_list arguments) _printf_(1, 0);

void free_text(char **text);
