/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Device nodes that a lease's user may open, in the modes where the owner opens them by path.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/claims/claims.h"
#include "daemon/lease/nodes.h"

/* Whether another lease of the same uid needs the nodes that do not belong to one group. */
static bool shares_nodes(const Lease *lease)
{
        const Ledger *ledger = lease->ledger;

        for (size_t i = 0; i < ledger->n_leases; i++) {
                const LeaseRecord *other = ledger->leases[i]->record;

                if (other != lease->record && nodes_are_for(other->mode) &&
                    other->state == LEASE_LEASED &&
                    other->owner.path_uid == lease->record->owner.path_uid)
                        return true;
        }
        return false;
}

int claims_grant_nodes(Lease *lease, char **ret_message)
{
        return nodes_grant(&lease->ledger->host, lease->record, ret_message);
}

int claims_revoke_nodes(Lease *lease, char **ret_message)
{
        return nodes_revoke(&lease->ledger->host, lease->record, !shares_nodes(lease),
                            ret_message);
}

void claims_review_nodes(Lease *lease)
{
        _cleanup_(freep) char *message = NULL;

        if (!nodes_are_for(lease->record->mode) || lease->record->state != LEASE_LEASED ||
            nodes_are_granted(&lease->ledger->host, lease->record))
                return;
        int r = nodes_grant(&lease->ledger->host, lease->record, &message);
        if (r == 0)
                log_info("lease %" PRIu32 ": uid %u may open its nodes again", lease->record->id,
                         lease->record->owner.path_uid);
        else
                log_error("lease %" PRIu32 ": uid %u may not open all of its nodes: %s",
                          lease->record->id, lease->record->owner.path_uid,
                          message ? message : strerror(-r));
}
