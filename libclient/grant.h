/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What was handed out, as it is read from a reply.
 */

#include "libclient/host.h"

DEFINE_CLEANUP(iso_grant *, iso_grant_free);

/* An empty grant, or NULL. */
iso_grant *grant_new(void);

/* Adds a descriptor, which is taken over also on failure. Returns 0 or -ENOMEM. */
int grant_add(iso_grant *grant, const char *name, int fd);

/*
 * Adds what waits in a socket of packets, each with the names, one a line, of the descriptors that
 * come with it, until its end. Returns 0, -EBADMSG or another -errno.
 */
int grant_receive(iso_grant *grant, int socket);
