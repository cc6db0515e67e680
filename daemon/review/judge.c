/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Compares the guard of a lease with the one that its rule requires, as long as the lease lasts. */

#include <inttypes.h>

#include "daemon/base/log.h"
#include "daemon/facts/guard_facts.h"
#include "daemon/guard_process/controller.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/review/review.h"
#include "daemon/work/work.h"

void lease_judge_guard(Lease *lease)
{
        LeaseRecord *record = lease->record;
        const LedgerObserver *observer = &lease->ledger->observer;
        GuardLayer layer = lease_guard(lease);
        bool is_weak = lease_is_weak(lease);

        bool is_changing = (work_upkeep(lease) && !guard_trouble(lease)) ||
                           controller_is_settling(lease->ledger);

        /*
         * The requester is answered when the guard has settled, whether it is the required one or
         * not. A group that the kernel owns has settled already.
         */
        if (lease_awaits_guard(lease) && (layer == GUARD_OWNED || !is_changing))
                return module_report(lease->ledger, EVENT_GUARD_SETTLED, lease, NULL);
        if (lease_has_waiter(lease) || is_changing || is_weak == record->condition.is_weaker)
                return;
        record->condition.is_weaker = is_weak;
        (void)ledger_set_state(lease, record->state);
        if (!is_weak) {
                log_notice("lease %" PRIu32 ": its guard is %s again, as required", record->id,
                           guard_layer_to_string(layer));
                return;
        }
        log_warning("lease %" PRIu32 ": its guard is %s, weaker than required: %s", record->id,
                    guard_layer_to_string(layer), guard_layer_to_string(record->terms.guard));
        if (observer->weakened)
                observer->weakened(lease, layer, observer->userdata);
        module_report(lease->ledger, EVENT_GUARD_WEAK, lease, "its guard is weaker than required");
}
