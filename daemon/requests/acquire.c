/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Acquire: from a request to a plan, and from there to a lease, to the queue, or to a refusal.
 */

#include "daemon/base/log.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/park/park.h"
#include "daemon/queue/queue.h"
#include "daemon/requests/requests.h"

/* Gives up parked groups first, after which the request is decided again. */
static void execute(Plan *plan, LeaseDone done, void *userdata)
{
        if (plan->has_parked)
                park_yield(plan->ledger, plan->groups, plan->n_groups, plan->request, done,
                           userdata);
        else
                lifecycle_grant(plan, done, userdata);
}

void request_acquire(Ledger *ledger, const AcquireRequest *request, LeaseDone done, void *userdata)
{
        _cleanup_(plan_clear) Plan plan = {.ledger = ledger, .request = request};

        if (queue_adopt(ledger, request, done, userdata))
                return;
        /* Decide on the present machine, not on the one of the last uevent. */
        int r = ledger_read_now(ledger);
        if (r == 0)
                r = plan_negotiate(&plan);
        if (r == 0 && !request->is_served)
                r = queue_check(&plan);
        if (r == REFUSAL_BUSY && request->wait_usec > 0) {
                r = queue_add(&plan, done, userdata);
                if (r == 0)
                        return;
        }
        if (r != 0)
                return plan_answer(&plan, r, done, userdata);
        queue_pass(&plan, done, userdata);
}

/* The queue and the parked groups execute requests by the same code. */
static int init(Ledger *ledger, void *data)
{
        queue_set_executor(ledger, execute);
        park_set_acquire(ledger, request_acquire);
        return 0;
}

const Module acquire_module = {.name = "acquire", .init = init};
