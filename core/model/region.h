/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reserved regions of a group: addresses that its devices may not be given by whoever owns them.
 *
 * "direct" ones are the firmware's and must stay mapped as they are (such a group cannot be
 * leased), "direct-relaxable" ones may be given up, "msi" ones are where interrupts are written to
 * (kernel-facts 5).
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/model/base.h"

#define REGION_KIND_SIZE 24

typedef struct ReservedRegion {
        uint64_t start, end;         /* both are of it */
        char kind[REGION_KIND_SIZE]; /* the kernel's word */
} ReservedRegion;

/*
 * Takes the first region off a text of lines "0xstart 0xend kind". Returns false at its end, or at
 * a line of another form (then *text is not at its end).
 */
_nodiscard_ bool region_next(const char **text, ReservedRegion *ret);
