/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Records a breach: a host driver was bound in a leased group, so the guard did not hold. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/model/text.h"
#include "daemon/facts/guard_facts.h"
#include "daemon/review/review_internal.h"
#include "daemon/tell/audit.h"

int lease_note_breach(Lease *lease, LeaseDevice *device, const char *driver)
{
        Ledger *ledger = lease->ledger;
        GuardLayer layer = lease_guard(lease);
        char text[BDF_TEXT_SIZE], when[32] = "an unknown time";
        time_t now = time(NULL);
        struct tm utc;

        if (gmtime_r(&now, &utc))
                (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
        if (!text_set(&lease->record->condition.breach,
                      text_print("%s was found bound to %s at %s; the guard was %s",
                                 bdf_format(device->bdf, text), driver, when,
                                 guard_layer_to_string(layer))))
                return -ENOMEM;
        device->joiner.breached = true;
        device->joiner.blocked = device->joiner.blocking = false;
        audit_device(AUDIT_BREACHED, lease, device->bdf, " is breached: %s; the daemon unbinds it",
                     lease->record->condition.breach);
        if (ledger->observer.breached)
                ledger->observer.breached(lease, device->bdf, driver, layer,
                                           ledger->observer.userdata);
        return 0;
}
