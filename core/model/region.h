/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reserved regions of a group: addresses that the owner of its devices must not map.
 *
 * Firmware needs "direct" regions, which must stay identity-mapped (such a group cannot be
 * leased); "direct-relaxable" regions may be unmapped; devices write interrupts to "msi" regions
 * (kernel-facts 5).
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/model/base.h"

#define REGION_KIND_SIZE 24

typedef struct ReservedRegion {
        uint64_t start, end;         /* inclusive */
        char kind[REGION_KIND_SIZE]; /* the kernel's name */
} ReservedRegion;

/*
 * Takes the first line "0xstart 0xend kind" off a text. Returns false at its end, or at a line of
 * another form (then *text is not at the end).
 */
_nodiscard_ bool region_next(const char **text, ReservedRegion *ret);
