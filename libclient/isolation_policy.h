/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ISOLATION_POLICY_H
#define ISOLATION_POLICY_H

/*
 * The part of libisolation that reads policy files, isolationd.policy(5), as the daemon does, but
 * without a daemon. isolation.h includes it and documents its conventions.
 */

#include "isolation.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct iso_policy iso_policy;

typedef struct iso_policy_file {
        const char *path;
        const char *shadowed_by; /* path of the file of that name that takes precedence, or "" */
        bool is_masked;          /* a link to /dev/null: it has no rules */
        size_t n_rules;
        const char *error;   /* "PATH:LINE:COLUMN: …", "" if it is valid, or shadowed */
        const char *excerpt; /* the line, and a second line with a mark below the place, or "" */
        size_t line, column; /* of the error, from 1; 0: none */
} iso_policy_file;

typedef struct iso_policy_rule {
        const char *name;
        const char *file; /* path */
        size_t line;
        const char *origin; /* as in verdicts, "50-lab.json:12: dpdk-nics" */
        const char *text;   /* JSON on one line, without comments */
} iso_policy_rule;

enum iso_policy_flags {
        ISO_POLICY_ANY_NAMES = 1 << 0, /* users and groups need not exist on this machine */
};

/*
 * Reads policy files. `paths` (NULL-terminated) are files, and directories, of which the first has
 * the highest precedence; NULL or none: the directories that the daemon reads. A file with an
 * error is skipped and reports its error. Returns 0, ISO_E_NOT_FOUND (a path), ISO_E_INVALID (an
 * unknown flag) or -errno; on a positive return *ret is valid for iso_policy_message() and
 * iso_policy_free().
 */
int iso_policy_open(const char *const *paths, unsigned flags, iso_policy **ret);

/* Frees a policy and all values read from it (NULL is allowed); returns NULL. */
iso_policy *iso_policy_free(iso_policy *policy);

/* The sentence for the last failure, "" if none. */
const char *iso_policy_message(const iso_policy *policy);

/*
 * All files by name; of each name the one that takes precedence comes first. *ret_n gets their
 * number.
 */
const iso_policy_file *iso_policy_files(const iso_policy *policy, size_t *ret_n);

/* The rules in force, in order; none if a file in effect has an error. */
const iso_policy_rule *iso_policy_rules(const iso_policy *policy, size_t *ret_n);

typedef struct iso_policy_question {
        const char *selector;      /* for iso_host_resolve() */
        const char *user;          /* name or number */
        const char *const *groups; /* NULL-terminated names or numbers that the user is in, or NULL */
        const char *unit;          /* of the service manager; NULL: none */
        const char *label;         /* of the security module; NULL: none */
        const char *mode;          /* NULL: any */
} iso_policy_question;

typedef struct iso_policy_verdict {
        const char *verdict; /* "allow", "deny"; "weak": a rule requires a stronger group;
                                "changed": the device does not match the rule's fingerprint */
        const char *rule;    /* name of the rule that decided, "" if none matched */
        const char *origin;  /* of the rule, or "" */
        const char *text;    /* the reason of a denial, a sentence; "" if allowed */
} iso_policy_verdict;

/*
 * The verdict of the rules in force on a lease of a group of a sysfs or file host. The rules must
 * allow every device that would be leased, in the group and in all groups to which rules widen the
 * lease. Other obstacles to the lease are not checked. Valid as long as the policy. Returns 0,
 * ISO_E_NOT_FOUND, ISO_E_INVALID (an unknown mode, user or group), ISO_E_UNSUPPORTED (a daemon
 * host) or -errno; iso_policy_message() has the sentence.
 */
int iso_policy_ask(iso_policy *policy, iso_host *host, const iso_policy_question *question,
                   iso_policy_verdict *ret);

typedef struct iso_reservation {
        const char *device;  /* address */
        const char *rule;    /* name */
        const char *origin;  /* of the rule */
        const char *verdict; /* "reserved", or the obstacle: "bridge", "other-device",
                                "other-group", "no-group" */
        const char *text;    /* one sentence */
} iso_reservation;

/*
 * The devices of a sysfs or file host that the rules in force reserve, by address; *ret_n gets
 * their number. Valid as long as the policy. Returns 0, ISO_E_UNSUPPORTED (a daemon host) or
 * -errno.
 */
int iso_policy_reservations(iso_policy *policy, iso_host *host, const iso_reservation **ret,
                            size_t *ret_n);

/*
 * Makes a rule, given by its name or origin, expect the present devices: writes the fingerprint of
 * the devices that the rule decides for. Writes a copy of the rule's file, with the same name, to
 * `directory` (NULL: the directory of the highest precedence that the daemon reads), and replaces
 * that file atomically. *ret_path, valid as long as the policy, is its path. `policy` does not
 * change. Returns 0, ISO_E_NOT_FOUND (no such rule, or it matches no device), ISO_E_INVALID
 * (several rules of that name, or it reserves nothing), ISO_E_UNSUPPORTED or -errno.
 */
int iso_policy_accept(iso_policy *policy, iso_host *host, const char *rule, const char *directory,
                      const char **ret_path);

#ifdef __cplusplus
}
#endif

#endif
