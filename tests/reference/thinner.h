/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The property that every reader must have: reading a part of a machine's description never makes a
 * device look more isolated than reading the whole does.
 *
 * Devices that were together stay together, and no strength bit changes to yes. Excepted are
 * devices that only a removed function joined, unless a remaining part shows that a bridge, a PF or
 * a VMD endpoint is missing. Without such a part, the description is that of a machine which never
 * had the function.
 *
 * ISO_THIN_MOST limits how many parts of each kind are read per machine; 0 means all of them.
 */

#include "core/model/groups.h"
#include "core/model/strength.h"

/* A machine as it was read, with the partitions computed from it. */
typedef struct Reading {
        Snapshot *snapshot;
        Partition *kernel, *sound, *observed;
} Reading;

#define THIN_BIT(bit) (1U << (bit))
#define THIN_PARTITIONS THIN_BIT(_STRENGTH_N)
#define THIN_ALL (THIN_PARTITIONS | (THIN_BIT(_STRENGTH_N) - 1))

/* Takes over `snapshot` and works out the partitions; aborts if memory is short. */
void reading_take(Reading *reading, Snapshot *snapshot);

/* Frees what the reading owns. */
void reading_deinit(Reading *reading);

/*
 * Returns false, and prints `where` and the difference, if `thin` makes a device look more isolated
 * than `whole` does. `what` selects what is compared: THIN_BIT() of strength bits, and
 * THIN_PARTITIONS.
 */
bool thin_check(const Reading *whole, const Reading *thin, const char *where, unsigned what);

/* ISO_THIN_MOST, or the default. */
size_t thin_most(size_t usual);

/* The step between parts of `n` that are tried, so that there are at most `most` (0: all). */
size_t thin_step(size_t n, size_t most);

/* The whole file, which the caller frees; aborts if it cannot be read. */
char *thin_read_file(const char *path, size_t *ret_n);

/*
 * Runs `check` on each dump of ISO_CORPUS and prints the results, then `tell`. Returns the status
 * to exit with.
 */
int thin_run(bool (*check)(const char *path, size_t most), size_t usual, void (*tell)(void));
