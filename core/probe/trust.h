/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Files that decide who gets what: only root may change them, or put others in their place.
 *
 * A file is trusted if it, and each directory on the way to it, belongs to root and cannot be
 * written by a group or by others. Links are followed, and the way to their targets is looked at as
 * well. Each step is taken from an open directory that has been looked at, and what is read is the
 * opened file that has been looked at: nothing can be exchanged in between.
 *
 * An access control list needs no reading. The group bits of a mode are its mask then, so that a
 * list that lets anybody write shows there.
 */

#include <sys/types.h>

#include "core/model/base.h"

typedef struct Trust {
        uid_t owner;       /* whose files are trusted, besides root's */
        const char *above; /* for tests: directories from "/" down to this one are not looked at */
} Trust;

/* Root, and every directory from "/" on. */
extern const Trust trust_root;

enum {
        _TRUST_E_SUCCESS,
        TRUST_E_REFUSED, /* *ret_reason says which file or directory, why, and what to do */
};

/*
 * Opens a file or directory to read. Returns 0 with *ret_fd (the caller's),
 * TRUST_E_REFUSED with *ret_reason (freed by the caller), or -errno. A device node is opened, but
 * never waited for.
 */
_nodiscard_ int trust_open(const Trust *trust, const char *path, int *ret_fd, char **ret_reason);
