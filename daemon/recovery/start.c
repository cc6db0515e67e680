/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a new daemon does with the leases of the former one.
 *
 * A lease that was with its owner goes on if the service manager kept all its fds. Everything
 * unfinished is restored from its record, whatever step it had reached.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/descriptors/descriptors.h"
#include "daemon/guard/rules.h"
#include "daemon/guard_process/controller.h"
#include "daemon/lease/state.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/queue/queue.h"
#include "daemon/recovery/record.h"
#include "daemon/recovery/start.h"

typedef struct Resume {
        Ledger *ledger;
        FdStore *store;
} Resume;

static int on_loaded(LeaseRecord *record, void *userdata)
{
        Resume *resume = userdata;
        Lease *lease;

        int r = ledger_add_lease(resume->ledger, record, &lease);
        if (r < 0)
                return r;
        bool is_lost = record->state == LEASE_QUARANTINED && !record->condition.in_hand;
        lifecycle_resume(lease, !is_lost && descriptors_take_stored(lease, resume->store));
        return 0;
}

static void on_rejected(const char *path, const char *reason, void *userdata)
{
        log_error("%s: set aside, %s; its devices "
                  "may still be bound to vfio-pci: isoctl doctor and isoctl repair name them, "
                  "isoctl repair DEVICE gives one back to the host",
                  path, reason);
}

static bool is_known(uint32_t id, void *userdata)
{
        return ledger_find_lease(userdata, id);
}

int recovery_start(Ledger *ledger, FdStore *store)
{
        Resume resume = {.ledger = ledger, .store = store};
        const LeaseStateVisitor visitor = {
                .loaded = on_loaded,
                .rejected = on_rejected,
                .userdata = &resume,
        };

        int r = ledger_load_policy(ledger);
        if (r < 0)
                return r;
        r = ledger_read_now(ledger);
        if (r < 0)
                return r;
        r = lease_state_load(ledger->state_directory, &visitor);
        if (r < 0)
                return r;
        r = recover_records(ledger, store);
        if (r < 0)
                return r;
        r = rules_sweep(RULES_DIRECTORY, is_known, ledger);
        if (r < 0)
                log_error("udev rules of ended leases could not be removed: %s", strerror(-r));
        fdstore_discard(store);
        r = queue_load(ledger);
        if (r < 0)
                return r;
        bool left = controller_resume(ledger);
        r = left || ledger->n_leases > 0 ? ledger_read_now(ledger) : 0;
        /* Serve waiters before the first new request, which may want the same group. */
        if (r == 0)
                queue_look(ledger);
        return r;
}
