/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef ISOLATION_POLICY_H
#define ISOLATION_POLICY_H

/*
 * The part of libisolation that reads policy files, isolationd.policy(5), as the daemon does, without
 * one. isolation.h includes it and says what holds for all of it.
 */

#include "isolation.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct iso_policy iso_policy;

typedef struct iso_policy_file {
        const char *path;
        const char *shadowed_by; /* path of the file of that name which counts instead, or "" */
        bool is_masked;          /* /dev/null: it says nothing */
        size_t n_rules;
        const char *error;   /* "PATH:LINE:COLUMN: …", "" if it is understood, or shadowed */
        const char *excerpt; /* the line, and in another a mark below the place, or "" */
        size_t line, column; /* of the error, from 1; 0: none */
} iso_policy_file;

typedef struct iso_policy_rule {
        const char *name;
        const char *file; /* path */
        size_t line;
        const char *origin; /* as a verdict names it, "50-lab.json:12: dpdk-nics" */
        const char *text;   /* JSON on one line, without comments */
} iso_policy_rule;

enum iso_policy_flags {
        ISO_POLICY_ANY_NAMES = 1 << 0, /* users and groups need not exist on this machine */
};

/*
 * Reads policy files. `paths` (NULL-terminated) are files, and directories, of which the first has
 * the highest precedence; NULL or none: the directories that the daemon reads. Files with mistakes
 * are read past, and say so. Returns 0, ISO_E_NOT_FOUND (a path), ISO_E_INVALID (a flag that is none)
 * or -errno; on a positive return *ret is good for iso_policy_message() and iso_policy_free().
 */
int iso_policy_open(const char *const *paths, unsigned flags, iso_policy **ret);

/* Frees a policy (NULL is fine); returns NULL. All that was read of it goes with it. */
iso_policy *iso_policy_free(iso_policy *policy);

/* The sentence for the last failure, "" if none. */
const char *iso_policy_message(const iso_policy *policy);

/* All files by name, of each name the one that counts first; *ret_n gets how many there are. */
const iso_policy_file *iso_policy_files(const iso_policy *policy, size_t *ret_n);

/* The rules in force, in their order: none if a file that counts has an error. */
const iso_policy_rule *iso_policy_rules(const iso_policy *policy, size_t *ret_n);

typedef struct iso_policy_question {
        const char *selector;      /* as iso_host_resolve() has it */
        const char *user;          /* name or number */
        const char *const *groups; /* NULL-terminated names or numbers that the user is in, or NULL */
        const char *unit;          /* of the service manager; NULL: none */
        const char *label;         /* of the security module; NULL: none */
        const char *mode;          /* NULL: any */
} iso_policy_question;

typedef struct iso_policy_verdict {
        const char *verdict; /* "allow", "deny"; "weak": a rule requires more of the group's strength;
                              * "changed": it is not what the rule's fingerprint says */
        const char *rule;    /* name of the rule that decided, "" if none matched */
        const char *origin;  /* of the rule, or "" */
        const char *text;    /* why not, a sentence; "" if it is allowed */
} iso_policy_verdict;

/*
 * What the rules in force say if somebody asks for a lease of what a sysfs or file host has: of the
 * whole group, and of those that rules widen the lease to, of which all that would be handed out has to
 * be allowed. Whether the lease could be had otherwise is not asked. Lives as long as the policy.
 * Returns 0, ISO_E_NOT_FOUND, ISO_E_INVALID (a mode, or a user or group that is none),
 * ISO_E_UNSUPPORTED (a daemon host) or -errno; iso_policy_message() has the sentence.
 */
int iso_policy_ask(iso_policy *policy, iso_host *host, const iso_policy_question *question,
                   iso_policy_verdict *ret);

typedef struct iso_reservation {
        const char *device;  /* address */
        const char *rule;    /* name */
        const char *origin;  /* of the rule */
        const char *verdict; /* "reserved"; what keeps it from that: "bridge", "other-device",
                              * "other-group", "no-group" */
        const char *text;    /* one sentence */
} iso_reservation;

/*
 * What the rules in force reserve of what a sysfs or file host has, by address, with *ret_n how many.
 * Lives as long as the policy. Returns 0, ISO_E_UNSUPPORTED (a daemon host) or -errno.
 */
int iso_policy_reservations(iso_policy *policy, iso_host *host, const iso_reservation **ret,
                            size_t *ret_n);

/*
 * Makes what is there now what a rule expects: gives the rule, by its name or origin, the fingerprint
 * of the devices that it decides for, in a file of the same name in `directory` (NULL: the one of the
 * highest precedence that the daemon reads), which is replaced whole, with all else that the rule's
 * file says. *ret_path, which lives as long as the policy, is that file. Nothing else is done: the
 * policy is as before. Returns 0, ISO_E_NOT_FOUND (no such rule, or nothing there that it is for),
 * ISO_E_INVALID (several rules of that name, or it reserves nothing), ISO_E_UNSUPPORTED or -errno.
 */
int iso_policy_accept(iso_policy *policy, iso_host *host, const char *rule, const char *directory,
                      const char **ret_path);

#ifdef __cplusplus
}
#endif

#endif
