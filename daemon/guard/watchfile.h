/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A file on /run that says what to undo of the guard process's work if the daemon dies: that there
 * was a guard process, whether it shut the gate, and which functions need not be let in.
 *
 * The file exists from before the guard process starts until all its work is undone.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/model/base.h"
#include "core/model/bdf.h"
#include "daemon/guard/places.h"

/* One appearance of a function. Another function may have the same address later. */
typedef struct WatchFunction {
        Bdf bdf;
        uint64_t instance; /* the inode of its sysfs directory; sysfs uses none twice */
} WatchFunction;

typedef struct WatchFile {
        bool gate_shut; /* by the guard process */
        TextList places; /* of the guard process's orders; owned */
        /*
         * Functions that were there before the gate was shut, or have had a driver since; sorted.
         */
        WatchFunction *known;
        size_t n_known;
} WatchFile;

WatchFile *watchfile_free(WatchFile *file);
DEFINE_CLEANUP(WatchFile *, watchfile_free);

/*
 * Reads the file in `directory`. Returns 0 and *ret_file, NULL if there is none; -EBADMSG if it is
 * not a watch file; or -errno.
 */
_nodiscard_ int watchfile_load(const char *directory, WatchFile **ret_file);

/* Replaces the file as a whole. Returns 0 or -errno. */
_nodiscard_ int watchfile_save(const char *directory, const WatchFile *file);

/* Removes the file. Returns 0 or -errno. */
_nodiscard_ int watchfile_remove(const char *directory);

/* Finds the function that has that address now. Returns 0 or -errno (-ENOENT: none has). */
_nodiscard_ int watchfile_find_function(const HostPaths *host, Bdf bdf, WatchFunction *ret);

bool watchfile_knows(const WatchFile *file, const WatchFunction *function);
/* Adds a function, and replaces one with the same address. Returns 0 or -ENOMEM. */
_nodiscard_ int watchfile_add(WatchFile *file, const WatchFunction *function);
/* Removes the function with that address. */
void watchfile_drop(WatchFile *file, Bdf bdf);
