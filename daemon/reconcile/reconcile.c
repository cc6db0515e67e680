/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The reconciler: it reads the machine, and lets each module look at the new reading, in the order
 * in which data pass them. Modules ask for a reading by daemon/ledger/reading.h.
 */

#include "daemon/reconcile/reconcile.h"

#include <errno.h>

#include "core/probe/sysfs.h"
#include "daemon/claims/claims.h"
#include "daemon/descriptors/descriptors.h"
#include "daemon/facts/guard_facts.h"
#include "daemon/faults/faults.h"
#include "daemon/guard_process/controller.h"
#include "daemon/holders/tracker.h"
#include "daemon/ledger/holds.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/limits/cooldown.h"
#include "daemon/park/park.h"
#include "daemon/queue/queue.h"
#include "daemon/requests/requests.h"
#include "daemon/review/review.h"
#include "daemon/tell/publish.h"
#include "daemon/work/work.h"

/* How long uevents are collected before they become one reading. */
#define DELAY_USEC 10000
/* The same while a worker runs: it causes uevents, and its end causes a reading anyway. */
#define DELAY_AT_WORK_USEC 250000

/* A policy that asks how a device is attached needs more attributes to be read. */
static int read_world(const Ledger *ledger, World **ret_world)
{
        _cleanup_(world_freep) World *world = NULL;

        int r = world_read(&ledger->host, ledger->world, &world);
        if (r == 0 && policy_asks_attachment(ledger->policy))
                r = sysfs_read_attachment(ledger->host.sysfs, world->snapshot);
        if (r == 0)
                *ret_world = TAKE_PTR(world);
        return r;
}

/* Compares one lease with the new reading. Returns 0 or -errno. */
static int review_lease(Lease *lease)
{
        int r = lease_reconcile(lease); /* what has joined, is lost, or has returned */

        if (r >= 0) {
                lease_review_guard(lease); /* what the guard needs now; requested joiners */
                lease_review_vfs(lease);   /* lost virtual functions */
        }
        claims_review_nodes(lease); /* who may open its device nodes */
        return r;
}

/*
 * From a reading to what follows: the new world replaces the old one, each lease is compared with
 * it, the guard process gets its orders, the guards are judged, changes are reported, and reserved
 * groups are parked.
 */
static int reconcile(Ledger *ledger)
{
        _cleanup_(world_freep) World *old = NULL;
        World *world = NULL;
        int failed = 0;

        int r = read_world(ledger, &world);
        if (r != 0) {
                ledger_read_later(ledger);
                return r < 0 ? r : -ENODEV;
        }
        old = TAKE_PTR(ledger->world);
        ledger->world = world;
        ledger->before = old;
        for (size_t i = 0; i < ledger->n_leases; i++) {
                r = review_lease(ledger->leases[i]);
                if (r < 0)
                        failed = r;
        }
        ledger->before = NULL;
        controller_review(ledger);
        for (size_t i = 0; i < ledger->n_leases; i++)
                lease_judge_guard(ledger->leases[i]);
        r = publish_changes(ledger);
        park_review(ledger);
        holders_review(ledger);
        return failed < 0 ? failed : r;
}

/* Whether only the daemon's own reaction keeps host drivers out of some group. */
static bool must_react(const Ledger *ledger)
{
        for (size_t i = 0; i < ledger->n_leases; i++)
                if (lease_record_is_in_hand(ledger->leases[i]->record) &&
                    lease_guard(ledger->leases[i]) < GUARD_OWNED)
                        return true;
        return false;
}

static suseconds_t delay(const Ledger *ledger)
{
        bool at_work = false;

        if (must_react(ledger))
                return 0;
        for (size_t i = 0; i < ledger->n_leases; i++)
                at_work |= lease_is_at_work(ledger->leases[i]);
        return at_work ? DELAY_AT_WORK_USEC : DELAY_USEC;
}

/* In the order of tests/modules.txt: events reach them in this order too. */
static const Module *const modules[] = {
        &holds_module,
        &cooldown_module,
        &descriptors_module,
        &work_module,
        &claims_module,
        &guard_facts_module,
        &publish_module,
        &holders_module,
        &faults_module,
        &controller_module,
        &life_module,
        &life_wait_module,
        &lifecycle_module,
        &members_module,
        &recreate_module,
        &queue_module,
        &queue_turn_module,
        &park_module,
        &acquire_module,
        &group_requests_module,
        &reset_module,
        &names_module,
        &publish_events_module,
        NULL,
};

int daemon_new(struct event_base *base, const HostPaths *host, const char *state_directory,
               Ledger **ret_ledger)
{
        static const Reader reader = {.read = reconcile, .delay = delay};

        int r = ledger_new(base, host, state_directory, modules, ret_ledger);
        if (r == 0)
                reading_set_reader((*ret_ledger)->reading, &reader);
        return r;
}
