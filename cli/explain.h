/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A question to explain, with all that was found to answer it. Everything it points to but
 * `reasons` is the host's.
 */

#include <stdbool.h>

#include "libclient/isolation.h"

/* What is explained: one thing, or how `a` and `b` are related. */
typedef struct Question {
        iso_host *host;
        const char *partition;  /* NULL: the groups in force */
        const iso_device *a;    /* NULL if a group was named */
        const iso_device *b;    /* NULL if one thing was named */
        const iso_group *group; /* of a, or the one that was named; NULL: none */
        const iso_group *other; /* of b */
        bool together;
        const iso_reason *all; /* of the group */
        size_t n_all;
        const iso_reason **reasons; /* those that answer, NULL-terminated */
        const iso_separator
                *separators; /* what keeps them apart, of `a` and `b`; NULL if unknown */

        /* Of a copy of the machine, and the groups in force. */
        bool only_observed; /* a and b are apart, and by the rules they are together */
        bool may_reach; /* a and b are apart by the rules, and together in the sound partition */
        const iso_comparison *comparison; /* NULL if there is none */
        const iso_strength *p2p;          /* of the group; NULL if it was not asked */
} Question;

/* Is the question about the sound partition? */
bool question_is_sound(const Question *question);

/* How the kernel's word and its rules differ about the device, as compare tells it; NULL if not. */
const iso_mismatch *question_mismatch(const Question *question, const iso_device *device);

/* Prints the answer for people. */
void explain_print(const Question *question);
