/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The runtime directory: records, queue and watch file, and the sockets of the aides.
 *
 * The daemon needs none of its own files while it runs: it knows what is in them. Its successor
 * does, and so do udev's errands. What somebody removes is written again from memory. A socket that
 * is gone is told of: it belongs to the service manager, which makes it again when this daemon is
 * restarted.
 */

#include <event2/event.h>

#include "core/model/base.h"
#include "daemon/ledger/ledger.h"

typedef struct Runtime Runtime;

/*
 * Watches the directory, `path`, which has the manager's state directory and the aides' sockets in
 * it. To be called when the leases are loaded. Sockets that are missing now are asked for. Returns
 * 0 or -errno.
 */
_nodiscard_ int runtime_new(struct event_base *base, Ledger *ledger, const char *path,
                            Runtime **ret_runtime);

/* Stops watching (NULL is fine); returns NULL. */
Runtime *runtime_free(Runtime *runtime);
DEFINE_CLEANUP(Runtime *, runtime_free);
