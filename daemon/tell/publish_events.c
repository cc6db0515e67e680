/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A lease that is made, changes or ends changes the state of its devices and groups. */

#include "daemon/base/log.h"
#include "daemon/tell/publish.h"

static void handle(Ledger *ledger, const Event *event)
{
        if (event->kind != EVENT_LEASE_CHANGED)
                return;
        int r = publish_changes(ledger);
        if (r < 0)
                log_broken(r);
}

const Module publish_events_module = {.name = "publish events", .handle = handle};
