/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Makes a lease of a plan: records the present state of the host, then starts to take the groups.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/guard/rules.h"
#include "daemon/lease/state.h"
#include "daemon/lifecycle/life_internal.h"

/* Writes udev rules that block devices that join while no daemon runs. */
static int write_rules(Plan *plan, const LeaseRecord *record)
{
        int32_t numbers[LEASE_GROUPS_MAX];

        for (size_t i = 0; i < record->n_groups; i++)
                numbers[i] = record->groups[i].number;
        int r = rules_write(RULES_DIRECTORY, &plan->ledger->host, plan->ledger->world->snapshot,
                            record->id, numbers, record->n_groups, plan_has_nodes(plan, record));
        if (r < 0)
                (void)plan_refuse(plan, REFUSAL_INVALID,
                                  "udev rules for the lease cannot be written to " RULES_DIRECTORY
                                  ": %s; nothing was changed",
                                  strerror(-r));
        return r;
}

/* Writes the record, and makes a lease of it. */
static int make_lease(Plan *plan, Lease **ret_lease)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = NULL;

        int r = lease_record_new(&record);
        if (r == 0)
                r = plan_record(plan, record);
        if (r != 0)
                return r;
        r = lease_state_save(plan->ledger->state_directory, record);
        if (r < 0) {
                (void)plan_refuse(plan, REFUSAL_INVALID,
                                  "the lease cannot be written to %s: %s; nothing was changed",
                                  plan->ledger->state_directory, strerror(-r));
                return r;
        }
        uint32_t id = record->id;
        r = write_rules(plan, record);
        if (r == 0)
                r = ledger_add_lease(plan->ledger, TAKE_PTR(record), ret_lease);
        if (r < 0 && (rules_remove(RULES_DIRECTORY, id) < 0 ||
                      lease_state_remove(plan->ledger->state_directory, id) < 0))
                log_error("lease %" PRIu32 ": its record could not be removed again", id);
        return r;
}

void lifecycle_grant(Plan *plan, LeaseDone done, void *userdata)
{
        const AcquireRequest *request = plan->request;
        Lease *lease = NULL;

        int r = make_lease(plan, &lease);
        if (r != 0)
                return plan_answer(plan, r, done, userdata);
        LeaseLife *life = life_of(lease);
        life->memory_warning = TAKE_PTR(plan->warning);
        life->done = done;
        life->done_userdata = userdata;
        life->wish.release_console = request->options.release_console && request->who.uid == 0;
        life->wish.force = request->options.force && request->who.uid == 0;
        memcpy(life->wish.driver, request->options.driver, sizeof(life->wish.driver));
        memcpy(life->wish.others, plan->others, sizeof(life->wish.others));
        life->wish.n_others = plan->n_others;
        ledger_tell_added(lease);
        life_raise(lease, LIFE_TAKE, NULL);
}
