/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How strong a group's isolation is, bit by bit, the same for `show` and `plan`.
 */

#include "cli/document.h"
#include "cli/isoctl.h"

/* None of an older daemon, which does not tell. */
typedef struct Strengths {
        const iso_strength *bits;
        size_t n;
} Strengths;

/* Returns 0 and *ret, borrowed from the host, or what iso_host_strength() does. */
int strengths_read(iso_host *host, const iso_group *group, Strengths *ret);

/* Adds them as "strength"; nothing where there are none. */
void json_add_strengths(json_object *object, const Strengths *strengths);

/* Prints them below the heading "Strength", of that group if it is not NULL; nothing as above. */
void print_strengths(const Strengths *strengths, const char *group);
