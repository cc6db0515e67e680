/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Mismatches in words.
 */

#include "core/model/base.h"
#include "core/model/compare.h"

/*
 * A sentence for the mismatch's cause. `other` is the function that could not be read, or that the
 * IOMMU of another kind covers; SNAPSHOT_NONE for other causes. Returns a string that the caller
 * frees, or NULL if memory is short.
 */
char *mismatch_describe(const Snapshot *snapshot, const Mismatch *mismatch, size_t other);
