/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Turns a claim into a lease of its owner: makes its descriptors survive the daemon, waits until
 * the guard has settled, and answers the requester.
 */

#include "daemon/claims/claims.h"
#include "daemon/descriptors/descriptors.h"
#include "daemon/lifecycle/life_internal.h"
#include "daemon/limits/memlock.h"
#include "daemon/tell/audit.h"
#include "daemon/tell/publish.h"

static int settle(Lease *lease, char **ret_message)
{
        lease->record->condition.handed_out = true;
        int r = descriptors_open_pipe(lease);
        if (r == 0)
                r = descriptors_store(lease);
        if (r == 0)
                r = descriptors_watch_owner(lease);
        if (r == 0)
                r = claims_watch(lease, true);
        if (r == 0)
                r = claims_grant_nodes(lease, ret_message);
        if (r == 0)
                r = ledger_set_state(lease, LEASE_LEASED);
        return r;
}

bool life_settle(Lease *lease, const LifeNews *news)
{
        _cleanup_(freep) char *message = NULL;

        *descriptors_of(lease) = *news->fds;
        news->fds->n_items = 0;
        publish_pause(lease->ledger); /* until the machine has been read */
        int r = settle(lease, &message);
        publish_resume(lease->ledger);
        if (r != 0)
                life_raise_code(lease, LIFE_SETTLE_FAILED, r,
                                message ? message
                                        : "the lease could not be recorded; the group is given "
                                          "back");
        return r == 0;
}

bool life_await_guard(Lease *lease, const LifeNews *news)
{
        LeaseLife *life = life_of(lease);

        if (!life->memory_warning)
                life->memory_warning = memlock_describe_shortfall(lease);
        ledger_read_again(lease->ledger);
        return false;
}

bool life_grant(Lease *lease, const LifeNews *news)
{
        audit_lease(AUDIT_TAKEN, lease, ": %s, uid %u, mode %s", lease->record->groups[0].id,
                    lease->record->owner.uid, lease_mode_to_string(lease->record->mode));
        life_answer(lease, 0, NULL);
        return false;
}
