/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a daemon that dies leaves undone of the sentinel's work, on /run: that there was one, whether
 * the gate was shut by it, and the functions that need not be let in any more.
 *
 * It is there from before the sentinel starts until after all it did is undone.
 */

#include <stdbool.h>

#include "core/model/base.h"
#include "core/model/bdf.h"
#include "daemon/guard/places.h"

typedef struct WatchFile {
        bool gate_shut; /* by us */
        Places places;  /* of the sentinel's orders; owned */
        Bdf *known;     /* functions that were there before it was shut, or have a driver since */
        size_t n_known;
} WatchFile;

WatchFile *watchfile_free(WatchFile *file);
DEFINE_CLEANUP(WatchFile *, watchfile_free);

/*
 * Reads the file of `directory`. Returns 0 and *ret, NULL if there is none, -EBADMSG for what is no
 * such file, or -errno.
 */
_nodiscard_ int watchfile_load(const char *directory, WatchFile **ret_file);

/* Writes it, replaced as a whole. Returns 0 or -errno. */
_nodiscard_ int watchfile_save(const char *directory, const WatchFile *file);

/* Takes it away. Returns 0 or -errno. */
_nodiscard_ int watchfile_remove(const char *directory);

bool watchfile_knows(const WatchFile *file, Bdf bdf);
/* Adds or takes off a function. Returns 0 or -ENOMEM. */
_nodiscard_ int watchfile_add(WatchFile *file, Bdf bdf);
void watchfile_drop(WatchFile *file, Bdf bdf);
