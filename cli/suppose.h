/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * --what-if: the machine with one thing changed, and where a device of the real one is in it.
 */

#include "cli/isoctl.h"

typedef struct Supposition {
        iso_host *host; /* the changed machine; NULL if nothing is supposed */
        char *from;     /* of a move: how ids of what is moved begin, before and after; NULL else */
        char *to;
        const iso_device *card; /* that was added, or NULL */
} Supposition;

void supposition_deinit(Supposition *supposition);

/*
 * Does what --what-if says: "add PORT", "move CARD PORT", "acs BITS@PORT[;…]" or "remove DEVICE". Returns
 * EXIT_DONE, or the exit code when it has said what is wrong.
 */
int suppose(Invocation *invocation, Supposition *ret_supposition);

/* Where `device` of the invocation's host is in the changed machine, or NULL if it is gone. */
const iso_device *suppose_find(const Supposition *supposition, const iso_device *device);
