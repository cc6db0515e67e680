/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A second implementation of the grouping, from the same description (kernel-facts 1.1 to 1.6)
 * only.
 *
 * It is slow and plain: it looks links up by address each time, caches no result, and reads no
 * derived field of the snapshot. It knows the quirks that the random topologies use. Where it and
 * the model differ, one of them has misread the description.
 */

#include "core/model/snapshot.h"

/* Fills a group number per device (any numbers), device by device in the order of addresses. */
void naive_replay(const Snapshot *snapshot, size_t *groups);

/*
 * The same as a closure: which pairs belong together, and the groups that these pairs connect.
 * Equal to the replay where all functions of a slot agree on being several (kernel-facts 0.3).
 */
void naive_closure(const Snapshot *snapshot, size_t *groups);

/*
 * The sound partition, pair by pair from its definition: the replay's groups, and the eight edges.
 * All devices that pairs connect are one group.
 */
void naive_sound(const Snapshot *snapshot, size_t *groups);
