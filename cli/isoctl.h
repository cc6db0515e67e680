/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Verbs and invocations: the declaration of a verb, and the parsed command line that it gets.
 *
 * A verb is a row: its name, its options, the number of its arguments, the host it reads, and its
 * function. isoctl derives parsing, opening the host, help and usage errors from the row. The
 * function does the verb's own work and returns isoctl's exit code.
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
        OPTION_FORMAT = 1 << 25,
        OPTION_IF = 1 << 26,
};

#define ANY_NUMBER ((size_t)-1)

typedef enum VerbHost {
        VERB_HOST_NONE,
        VERB_HOST_DAEMON,
        VERB_HOST_ANY,  /* the daemon, or the machine that --from names */
        VERB_HOST_FILE, /* the machine that --from names, or this machine's /sys */
} VerbHost;

typedef struct Verb Verb;

typedef struct Invocation {
        const Verb *const *verbs; /* all, in the order of the help, NULL-terminated */
        const Verb *verb;
        bool json;
        bool without_legend; /* --no-legend */
        bool quiet;
        bool verbose;
        const char *from;
        const char *root;   /* --root: the top of a machine's file system */
        char *from_root;    /* its /sys, which is then `from` */
        const char *groups; /* --groups: a separate listing of groups */
        const char *partition;
        const char *mode;
        const uid_t *uid; /* NULL: not given */
        uid_t uid_value;
        bool with_members;
        bool force;
        bool anonymise;
        const char *output;
        const char *what_if;
        uint64_t wait_usec; /* 0: do not wait; ISO_WAIT_FOREVER */
        const char *to;
        bool dry_run;
        const char *driver;
        const char *type;
        uint64_t memory; /* --ram, in bytes; 0: not given */
        bool viommu;
        const char *pid;
        bool kill;
        const char *grace;
        const char *since;
        bool release_console;
        bool any_names;
        const char *policy; /* --policy */
        const char *accept; /* --accept: a rule */
        bool dot, svg;      /* the format of graph */
        bool if_on;         /* as if the IOMMU were on */
        const char *acs_override;
        const char *const *arguments; /* NULL-terminated */
        size_t n_arguments;
        char **command; /* NULL-terminated; NULL without `--` */
        iso_host *host;
} Invocation;

struct Verb {
        const char *name;
        const char *arguments; /* in the synopsis */
        const char *summary;   /* one line of `isoctl help` */
        const char *help;      /* the text of `isoctl help VERB` below the synopsis */
        unsigned options;
        size_t min_arguments;
        size_t max_arguments;
        VerbHost host;
        unsigned reading; /* enum iso_open_flags, for the machine that --from names */
        int (*run)(Invocation *invocation);
};

extern const Verb verb_acquire, verb_compare, verb_diff, verb_doctor, verb_emit, verb_expel,
        verb_explain, verb_graph, verb_groups, verb_help, verb_history, verb_holders, verb_leases,
        verb_list, verb_memlock, verb_metrics, verb_monitor, verb_overview, verb_plan, verb_policy,
        verb_release, verb_repair, verb_reserve, verb_reset, verb_revoke, verb_run, verb_show,
        verb_slots, verb_snapshot, verb_take, verb_transfer, verb_tree, verb_type, verb_unreserve,
        verb_version, verb_wait;

/* NULL if no verb of the NULL-terminated table has that name. */
const Verb *verb_find(const Verb *const *verbs, const char *name);

/*
 * Fills an invocation, whose `verbs` are set, from the command line. It permutes `argv`, and the
 * invocation borrows its words. Returns EXIT_DONE, or EXIT_USAGE after reporting the error.
 */
int options_parse(int argc, char **argv, Invocation *invocation);

/* Finds a user by name or number. Returns whether the user exists. */
bool find_user(const char *text, uid_t *ret_uid);

/*
 * Open what the verb reads, or the machine that --from (and --groups) name, else this machine's /sys;
 * notes of the reader go to stderr. Return EXIT_DONE, or the exit code after reporting the failure.
 */
int open_host(Invocation *invocation);
int open_tree(Invocation *invocation);

/*
 * Makes the invocation read this machine's /sys instead of asking the daemon, for questions that
 * need a snapshot. Returns EXIT_DONE, or the exit code after reporting the failure.
 */
int use_tree(Invocation *invocation);

/*
 * Report a failure: a line on stderr and, with --json, an object on stdout. Return the exit code.
 */
int fail_usage(const Invocation *invocation, const char *format, ...) _printf_(2, 3);
int fail_refusal(const Invocation *invocation, int error, const char *format, ...) _printf_(3, 4);
/* Reports the error that a function of libisolation returned for the invocation's host. */
int fail_host(const Invocation *invocation, int error);

/*
 * Finds the group that a selector names. Returns EXIT_DONE, or the exit code after reporting why
 * there is no such group.
 */
int find_group(const Invocation *invocation, const char *selector, const iso_group **ret_group);

/*
 * Runs isoctl on another machine by ssh(1), if the command line has --host. Returns if it has not;
 * else only after an error, with the exit code.
 */
int run_remotely(int argc, char **argv);

/* No notes from now on. */
void notes_silence(void);

/* Prints one line on stderr that is not a failure. */
void note(const char *format, ...) _printf_(1, 2);

/*
 * Returns the pointer. If it is NULL (no memory), exits isoctl; an open lease ends with the
 * process.
 */
void *must(void *pointer);
char *must_format(const char *format, ...) _printf_(1, 2);
char *must_vformat(const char *format, va_list arguments) _printf_(1, 0);

void free_text(char **text);
