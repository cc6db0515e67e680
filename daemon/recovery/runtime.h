/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The runtime directory: records, queue and watch file, and the sockets of the helpers.
 *
 * The daemon does not need these files while it runs, as it has their content in memory. The next
 * daemon needs them, and so does the udev hook. If somebody removes one, the daemon writes it
 * again. If a socket is missing, the daemon only reports it: the service manager makes it again
 * when this daemon is restarted.
 */

#include <event2/event.h>

#include "core/model/base.h"
#include "daemon/ledger/ledger.h"

typedef struct Runtime Runtime;

/*
 * Watches the directory `path`, which contains the state directory of the ledger and the sockets of
 * the helpers. Call it when the leases are loaded. Asks the service manager for sockets that are
 * missing now. Returns 0 or -errno.
 */
_nodiscard_ int runtime_new(struct event_base *base, Ledger *ledger, const char *path,
                            Runtime **ret_runtime);

/* Stops watching (NULL is fine); returns NULL. */
Runtime *runtime_free(Runtime *runtime);
DEFINE_CLEANUP(Runtime *, runtime_free);
