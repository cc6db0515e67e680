/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * --what-if: the machine with one change, and the place in it of each device of the real machine.
 */

#include "cli/isoctl.h"

typedef struct Supposition {
        iso_host *host; /* the changed machine; NULL without --what-if */
        char *from;     /* for a move: the prefix of moved ids, before and after; else NULL */
        char *to;
        const iso_device *card; /* the added card, or NULL */
} Supposition;

void supposition_deinit(Supposition *supposition);

/*
 * Executes --what-if: "add PORT", "move CARD PORT", "acs BITS@PORT[;…]" or "remove DEVICE".
 * Returns EXIT_DONE, or the exit code after reporting the error.
 */
int suppose(Invocation *invocation, Supposition *ret_supposition);

/* Notes, for suppose_find(), that the machine has the card below that port. */
void suppose_moved(Supposition *supposition, const iso_device *card, const iso_device *port);

/* Finds `device` of the invocation's host in the changed machine; NULL if it is not there. */
const iso_device *suppose_find(const Supposition *supposition, const iso_device *device);
