/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A question to explain, and its answer. The host owns everything that it points to, except
 * `reasons`.
 */

#include <stdbool.h>

#include <json.h>

#include "cli/remedy.h"
#include "libclient/isolation.h"

/* What would separate the device from the members of its group that are neither on its card nor
 * above it. */
typedef struct Change {
        bool is_asked;       /* there are such members, and the machine could be searched */
        const char **others; /* their addresses, NULL-terminated; the addresses are borrowed */
        iso_host *tree;      /* of this machine, if the daemon was asked; else NULL */
        Slots slots;
        Switch acs;
} Change;

void change_deinit(Change *change);

/* The subject: one device or group, or the relation of `a` and `b`. */
typedef struct Question {
        iso_host *host;
        const char *partition;  /* NULL: the groups in force */
        const iso_device *a;    /* NULL if a group was named */
        const iso_device *b;    /* NULL if one device or group was named */
        const iso_group *group; /* the group of a, or the named one; NULL: none */
        const iso_group *other; /* of b */
        bool together;
        const iso_reason *all; /* of the group */
        size_t n_all;
        const iso_reason **reasons;      /* the reasons of the answer, NULL-terminated */
        const iso_separator *separators; /* what separates `a` and `b`; NULL if unknown */

        /* Of a copy of the machine, and the groups in force. */
        bool only_observed; /* the kernel separates a and b, but its rules join them */
        bool may_reach;     /* the rules separate a and b, but one sound group has both */
        const iso_comparison *comparison; /* NULL if there is none */
        const iso_strength *p2p;          /* of the group; NULL if not asked for */
        const iso_strength *bits;         /* all of them */
        size_t n_bits;
        Change change;

        /* With --acs-override: the group of `a` on the real machine. */
        iso_host *real;
        const iso_group *real_group;
        const iso_reason *real_reasons;
        size_t n_real_reasons;
} Question;

/* Is the question about the sound partition? */
bool question_is_sound(const Question *question);

/*
 * How the device's kernel group differs from the one its rules give (see compare); NULL if it does
 * not.
 */
const iso_mismatch *question_mismatch(const Question *question, const iso_device *device);

/* Searches. Returns 0, also if nothing can be searched, or -errno. */
int change_find(const Question *question, Change *ret);

/* The changes that help, as a list; the caller owns it. */
json_object *change_json(const Change *change);
void change_print(const Question *question, const Change *change);

/* Prints the answer as text. */
void explain_print(const Question *question);
