/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The kernel's word that a policy file changed.
 *
 * Also for directories that are not there yet: then the nearest that is above it is watched for the
 * next one on the way. A file counts when it is whole: closed by who wrote it, moved, linked, or gone.
 */

#include <event2/event.h>

#include "core/model/base.h"

typedef struct PolicyWatch PolicyWatch;

/*
 * Calls `changed` from the event loop, once for what happened together. `directories` is
 * NULL-terminated and borrowed. A directory that cannot be watched is logged. Returns 0 or -errno.
 */
_nodiscard_ int policy_watch_new(struct event_base *base, const char *const *directories,
                                 void (*changed)(void *userdata), void *userdata,
                                 PolicyWatch **ret_watch);

/* Stops watching (NULL is fine); returns NULL. */
PolicyWatch *policy_watch_free(PolicyWatch *watch);
DEFINE_CLEANUP(PolicyWatch *, policy_watch_free);
