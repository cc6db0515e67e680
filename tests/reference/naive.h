/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The grouping a second time, from the same description (kernel-facts 1.1 to 1.6) and nothing else.
 *
 * Slow and plain: links are looked up by address each time, nothing is remembered, no derived field
 * of the snapshot is read. It knows the quirks that the random topologies use. Where it and the
 * model differ, one of them has misread the description.
 */

#include "core/model/snapshot.h"

/* Fills a group number per device (any numbers), device by device in the order of addresses. */
void naive_replay(const Snapshot *snapshot, size_t *groups);

/*
 * The same as a closure: which pairs belong together, and whatever hangs together by pairs. Equal
 * to the replay where all functions of a slot agree on being several (kernel-facts 0.3).
 */
void naive_closure(const Snapshot *snapshot, size_t *groups);

/*
 * The sound partition, pair by pair from the text of its definition: what the replay has together,
 * and the eight edges. Whatever hangs together by pairs is one group.
 */
void naive_sound(const Snapshot *snapshot, size_t *groups);
