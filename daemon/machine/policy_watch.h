/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Watches policy files for changes.
 *
 * A directory that does not exist yet is covered too: the nearest directory above it is watched for
 * the next component. A file counts when it is complete: closed by its writer, moved, linked, or
 * removed.
 */

#include <event2/event.h>

#include "core/model/base.h"

typedef struct PolicyWatch PolicyWatch;

/*
 * Calls `changed` from the event loop, once for changes that come together. `directories` is
 * NULL-terminated and borrowed. Logs directories that cannot be watched. Returns 0 or -errno.
 */
_nodiscard_ int policy_watch_new(struct event_base *base, const char *const *directories,
                                 void (*changed)(void *userdata), void *userdata,
                                 PolicyWatch **ret_watch);

/* Stops watching (NULL is fine); returns NULL. */
PolicyWatch *policy_watch_free(PolicyWatch *watch);
DEFINE_CLEANUP(PolicyWatch *, policy_watch_free);
