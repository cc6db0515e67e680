/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a new daemon does about the leases of the one before it.
 *
 * A lease that was in its owner's hands goes on if the service manager kept all its fds; everything
 * half-done is put back from its record, which does not care how far it came.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/guard/rules.h"
#include "daemon/lease/state.h"
#include "daemon/base/log.h"
#include "daemon/lifecycle/revoke.h"
#include "daemon/recovery/record.h"

typedef struct Resume {
        Ledger *ledger;
        FdStore *store;
} Resume;

/* Returns whether the lease can go on. */
static bool resume_leased(Lease *lease, FdStore *store)
{
        bool complete = fdstore_take(store, lease->record, &lease->fds, &lease->owner_fd);

        if (!lease_record_is_in_hand(lease->record))
                return false;
        if (!complete || (lease->record->n_fd_names == 0 && lease->record->mode != LEASE_MODE_PATH))
                return false;
        if (lease->record->lifetime == LEASE_LIFETIME_FD && lease->owner_fd < 0)
                return false;
        return lease_watch_owner(lease) == 0 && claims_watch(lease, false) == 0;
}

static int on_loaded(LeaseRecord *record, void *userdata)
{
        Resume *resume = userdata;
        Lease *lease;

        int r = ledger_add_lease(resume->ledger, record, &lease);
        if (r < 0)
                return r;
        if (record->state == LEASE_QUARANTINED) {
                log_warning("lease %" PRIu32 " is still quarantined: %s", record->id,
                            record->trouble ? record->trouble : "reason unknown");
                if (record->in_hand && !resume_leased(lease, resume->store))
                        log_warning("lease %" PRIu32 ": not all of its descriptors were kept",
                                    record->id);
        } else if (resume_leased(lease, resume->store)) {
                log_notice("lease %" PRIu32 ": resumed", record->id);
                lease_resume_revoke(lease);
        } else if (!lease_await_former_worker(lease)) {
                log_notice("lease %" PRIu32 ": was %s, is given back", record->id,
                           lease_state_to_string(record->state));
                lease_begin_restore(lease, NULL, NULL);
        }
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
                log_error("udev rules of leases that are no more stay: %s", strerror(-r));
        fdstore_discard(store);
        r = queue_load(ledger->queue);
        if (r < 0)
                return r;
        bool left = controller_resume(ledger->controller);
        r = left || ledger->n_leases > 0 ? ledger_read_now(ledger) : 0;
        /* The first one who asks may want what somebody waits for. */
        if (r == 0)
                queue_look(ledger->queue);
        return r;
}
