/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Builds a grant from a reply. */

#include "libclient/host.h"

DEFINE_CLEANUP(iso_grant *, iso_grant_free);

/* An empty grant, or NULL. */
iso_grant *grant_new(void);

/* Adds a descriptor, which the grant owns; closes it on failure. Returns 0 or -ENOMEM. */
int grant_add(iso_grant *grant, const char *name, int fd);

/*
 * Adds the descriptors of a packet socket, up to its end. Each packet has the names of its
 * descriptors, one a line. Returns 0, -EBADMSG or another -errno.
 */
int grant_receive(iso_grant *grant, int socket);
