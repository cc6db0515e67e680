/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Requests to the lifecycle of a lease, and leases that a former daemon left. */

#include <inttypes.h>

#include "daemon/base/log.h"
#include "daemon/claims/claims.h"
#include "daemon/descriptors/descriptors.h"
#include "daemon/lifecycle/life_internal.h"

void lease_release(Lease *lease, LeaseDone done, void *userdata)
{
        life_raise(lease, LIFE_RELEASE, &(LifeNews){.done = done, .userdata = userdata});
}

void lease_revoke(Lease *lease, const RevokeRequest *request, LeaseDone done, void *userdata)
{
        life_raise(lease, LIFE_REVOKE,
                   &(LifeNews){.done = done, .userdata = userdata, .revoke = request});
}

/* Whether the lease can continue with its owner. */
static bool may_go_on(Lease *lease, bool is_complete)
{
        const LeaseRecord *record = lease->record;

        if (!lease_record_is_in_hand(record) || !is_complete ||
            (record->n_fd_names == 0 && record->mode != LEASE_MODE_PATH))
                return false;
        if (record->lifetime == LEASE_LIFETIME_FD && !descriptors_have_pipe(lease))
                return false;
        return descriptors_watch_owner(lease) == 0 && claims_watch(lease, false) == 0;
}

void lifecycle_resume(Lease *lease, bool is_complete)
{
        const LeaseRecord *record = lease->record;

        if (record->state == LEASE_QUARANTINED) {
                log_warning("lease %" PRIu32 " is still quarantined: %s", record->id,
                            record->condition.trouble ? record->condition.trouble
                                                      : "reason unknown");
                if (record->condition.in_hand && !may_go_on(lease, is_complete))
                        log_warning("lease %" PRIu32 ": not all of its descriptors were kept",
                                    record->id);
                life_raise(lease, LIFE_RESUME_BROKEN, NULL);
        } else if (may_go_on(lease, is_complete)) {
                log_notice("lease %" PRIu32 ": resumed", record->id);
                life_raise(lease,
                           ledger_is_revoking(lease) ? LIFE_RESUME_REVOKED : LIFE_RESUME, NULL);
        } else if (life_await_former(lease)) {
                life_raise(lease, LIFE_BLOCKED, NULL);
        } else {
                log_notice("lease %" PRIu32 ": was %s; giving it back", record->id,
                           lease_state_to_string(record->state));
                life_raise(lease, LIFE_RELEASE, NULL);
        }
}

void lifecycle_adopt_quarantined(Lease *lease)
{
        life_raise(lease, LIFE_RESUME_BROKEN, NULL);
}
