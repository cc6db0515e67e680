/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The right of one uid to open a node: an entry in the access control list of the node (acl(5)).
 *
 * The entry adds to what the mode of the node grants, and does not change that. Both functions
 * compare before they write, read back, and may run twice. They do not block: the list is an
 * attribute of a file in memory.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "core/model/base.h"

/* Lets `uid` read and write `path`. Returns 0, -ENOENT if there is no such node, or -errno. */
_nodiscard_ int acl_grant(const char *path, uid_t uid);

/*
 * Removes that entry; it is fine if it was never there, or the node is gone. Returns 0 or -errno.
 */
_nodiscard_ int acl_revoke(const char *path, uid_t uid);

/* Whether `uid` has such an entry and the list's mask lets it count. */
bool acl_has(const char *path, uid_t uid);
