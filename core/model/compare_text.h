/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Sentences for mismatches. */

#include "core/model/base.h"
#include "core/model/compare.h"

/*
 * A sentence for the mismatch's cause. `other` is the function with the unknown fact, or the one
 * behind an IOMMU of another kind; SNAPSHOT_NONE for other causes. Returns a string that the
 * caller frees, or NULL if memory is short.
 */
char *mismatch_describe(const Snapshot *snapshot, const Mismatch *mismatch, size_t other);
