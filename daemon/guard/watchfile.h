/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a daemon that dies leaves undone of the sentinel's work, on /run: that there was one, whether
 * the gate was shut by it, and the functions that need not be let in any more.
 *
 * It is there from before the sentinel starts until after all it did is undone.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/model/base.h"
#include "core/model/bdf.h"
#include "daemon/guard/places.h"

/* A function, from its coming to its going: another one may have its address after it. */
typedef struct WatchFunction {
        Bdf bdf;
        uint64_t instance; /* the inode of its directory in sysfs, which gives none twice */
} WatchFunction;

typedef struct WatchFile {
        bool gate_shut; /* by us */
        Places places;  /* of the sentinel's orders; owned */
        /* Functions that were there before it was shut, or have had a driver since; in order. */
        WatchFunction *known;
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

/* The function that has that address now. Returns 0 or -errno (-ENOENT: none has). */
_nodiscard_ int watchfile_find_function(const HostPaths *host, Bdf bdf, WatchFunction *ret);

bool watchfile_knows(const WatchFile *file, const WatchFunction *function);
/* Adds a function, in the place of one that had its address. Returns 0 or -ENOMEM. */
_nodiscard_ int watchfile_add(WatchFile *file, const WatchFunction *function);
/* Takes off whatever has that address. */
void watchfile_drop(WatchFile *file, Bdf bdf);
