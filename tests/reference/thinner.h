/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The property that every reader is held to: what is read of a part of a machine's description
 * never makes a device look more isolated than what is read of the whole.
 *
 * Devices that were together stay together, and no strength bit becomes yes. What only a function
 * that is gone had tied together is excepted, unless something that is still there shows that it is
 * missing: a bridge, a PF or a VMD endpoint. The description is otherwise that of a machine which
 * never had the function.
 *
 * ISO_THIN_MOST bounds how many parts of each kind are read of a machine; 0 is all of them.
 */

#include "core/model/groups.h"
#include "core/model/strength.h"

/* A machine as it was read, with what follows from it. */
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
 * Returns false, and says `where` and what it is, if `thin` makes something look more isolated than
 * `whole` does. Compared is what `what` says: THIN_BIT() of strength bits, and THIN_PARTITIONS.
 */
bool thin_check(const Reading *whole, const Reading *thin, const char *where, unsigned what);

/* ISO_THIN_MOST, or what is usual. */
size_t thin_most(size_t usual);

/* Every how many-th of `n` is taken, so that there are at most `most` (0: all). */
size_t thin_step(size_t n, size_t most);

/* The whole file, which the caller frees; aborts if it cannot be read. */
char *thin_read_file(const char *path, size_t *ret_n);

/*
 * Runs `check` on each dump of ISO_CORPUS and prints the results, then `tell`. Returns the status
 * to exit with.
 */
int thin_run(bool (*check)(const char *path, size_t most), size_t usual, void (*tell)(void));
