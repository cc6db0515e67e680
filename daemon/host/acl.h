/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One uid's right to open a node: an entry in the node's access control list (acl(5)).
 *
 * It adds to what the node's mode grants and leaves that as it is. Both ways compare before they
 * write, read back what they wrote, and may run twice. They do not block: a list is an attribute of a
 * file in memory.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "core/model/base.h"

/* Lets `uid` read and write `path`. Returns 0, -ENOENT if there is no such node, or -errno. */
_nodiscard_ int acl_grant(const char *path, uid_t uid);

/* Takes that away; what was never granted, or is gone, is fine. Returns 0 or -errno. */
_nodiscard_ int acl_revoke(const char *path, uid_t uid);

/* Whether `uid` has such an entry and the list's mask lets it count. */
bool acl_has(const char *path, uid_t uid);
