/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Opens files that only root can change or replace, for instance policy files.
 *
 * A file is trusted if it, and each directory on the path to it, belongs to root and is not
 * writable by a group or by others. Links are followed, and the paths to their targets are checked
 * too. Each step starts at an open, checked directory, and the caller reads the file that was
 * checked, so that nobody can replace it in between.
 *
 * Access control lists need not be read: with a list, the group bits of the mode are its mask, so
 * they show whether the list allows writing.
 */

#include <sys/types.h>

#include "core/model/base.h"

typedef struct Trust {
        uid_t owner;       /* owner whose files are trusted besides root's */
        const char *above; /* for tests: directories from "/" down to this one are not checked */
} Trust;

/* Trusts only root, and checks every directory from "/" on. */
extern const Trust trust_root;

enum {
        _TRUST_E_SUCCESS,
        TRUST_E_REFUSED, /* *ret_reason has the file or directory, the reason, and the fix */
};

/*
 * Opens a file or directory to read. Returns 0 with *ret_fd (the caller's), TRUST_E_REFUSED with
 * *ret_reason (freed by the caller), or -errno. Opening a device node never blocks.
 */
_nodiscard_ int trust_open(const Trust *trust, const char *path, int *ret_fd, char **ret_reason);
