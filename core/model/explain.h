/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Explains two devices: the reasons that join them, or the ports that separate them. */

#include "core/model/base.h"
#include "core/model/groups.h"
#include "core/model/snapshot.h"

/* The first port on the way up from a device that redirects all requests. */
typedef struct Separator {
        size_t port; /* SNAPSHOT_NONE: none, only the root complex separates */
        char *text;  /* a sentence, with the ACS bits seen */
} Separator;

typedef struct Explanation {
        bool together;
        Reason *chain; /* a shortest one, from `a` to `b`; empty if they are separate or the same */
        size_t n_chain;
        Separator separators[2]; /* of `a` and of `b`; without text if they share a group */
} Explanation;

/*
 * Explains a pair by the reasons of `partition`. A device without a group shares none. Returns 0
 * or -ENOMEM; the caller frees *ret.
 */
_nodiscard_ int explain_pair(const Snapshot *snapshot, const Partition *partition, size_t a,
                             size_t b, Explanation **ret_explanation);

Explanation *explanation_free(Explanation *explanation);
DEFINE_CLEANUP(Explanation *, explanation_free);
