/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Quarantine: no user gets the groups until a release has given them back. If a lease is
 * quarantined while its owner has it, its guard goes on, its nodes are shut, and its devices are
 * stopped.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/claims/claims.h"
#include "daemon/descriptors/descriptors.h"
#include "daemon/lease/halt.h"
#include "daemon/lifecycle/life_internal.h"
#include "daemon/tell/audit.h"
#include "daemon/work/work.h"

bool life_quarantine(Lease *lease, const LifeNews *news)
{
        const char *trouble = news->message;

        free(lease->record->condition.trouble);
        lease->record->condition.trouble = strdup(trouble);
        audit_lease(AUDIT_QUARANTINED, lease, " is quarantined: %s", trouble);
        (void)ledger_set_state(lease, LEASE_QUARANTINED);
        /* Refuses requests that wait for its groups. */
        module_report(lease->ledger, EVENT_GROUP_FREED, lease, NULL);
        return true;
}

static int job_halt(const void *context, VfioFds *fds, char **ret_message)
{
        const Lease *lease = context;

        int r = lease_halt(&lease->ledger->host, lease->record, fds, ret_message);
        vfio_fds_close(fds);
        return r;
}

static void on_done(Lease *lease, WorkerResult *result, bool is_ending)
{
        if (is_ending)
                return;
        if (result->code != 0)
                log_error("lease %" PRIu32 ": not all of its devices could be stopped: %s",
                          lease->record->id,
                          result->message[0] ? result->message : "the worker failed");
        ledger_read_soon(lease->ledger);
}

static void on_overdue(Lease *lease)
{
        log_error("lease %" PRIu32 ": stopping its devices has taken more than %d s; "
                  "see the kernel log",
                  lease->record->id, WORKER_DEADLINE_SECONDS);
}

static void halt(Lease *lease)
{
        const LeaseJob job = {
                .name = "the worker that stops its devices",
                .run = job_halt,
                .fds = descriptors_of(lease),
                .deadline = WORKER_DEADLINE_SECONDS,
                .done = on_done,
                .overdue = on_overdue,
        };

        if (!lease_record_is_withheld(lease->record))
                return;
        int r = work_start_upkeep(lease, &job);
        if (r < 0)
                log_error("lease %" PRIu32 ": its devices could not be stopped: %s",
                          lease->record->id, strerror(-r));
}

bool life_shut_in_hand(Lease *lease, const LifeNews *news)
{
        _cleanup_(freep) char *message = NULL;

        lease->record->condition.in_hand = true;
        (void)life_quarantine(lease, news);
        int r = claims_revoke_nodes(lease, &message);
        if (r != 0)
                log_error("lease %" PRIu32 ": not all of its nodes could be shut: %s",
                          lease->record->id, message ? message : strerror(-r));
        if (work_upkeep(lease))
                work_after_upkeep(lease, halt);
        else
                halt(lease);
        return true;
}
