/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The strength of a group's isolation, bit by bit, shared by `show` and `plan`. */

#include "cli/document.h"
#include "cli/isoctl.h"

/* Empty from an older daemon, which does not provide it. */
typedef struct Strengths {
        const iso_strength *bits;
        size_t n;
} Strengths;

/* Returns 0 and *ret, borrowed from the host, or an error of iso_host_strength(). */
int strengths_read(iso_host *host, const iso_group *group, Strengths *ret);

/* Adds the bits as "strength"; adds nothing if there are none. */
void json_add_strengths(json_object *object, const Strengths *strengths);

/*
 * Prints the bits under the heading "Strength", with the group's name if it is not NULL; nothing
 * if there are none.
 */
void print_strengths(const Strengths *strengths, const char *group);
