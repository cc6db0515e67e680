/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What ends with a client's connection to the bus: leases of lifetime "connection", and waiting.
 *
 * The ledger knows no bus. This module asks the observer of the ledger to watch a name, and is told
 * when that name has ended.
 */

#include <inttypes.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/queue/queue.h"
#include "daemon/requests/requests.h"

typedef struct LeaseName {
        bool has_ended; /* reported once */
} LeaseName;

const Module names_module = {.name = "names", .lease_size = sizeof(LeaseName)};

DEFINE_LEASE_PART(LeaseName, of, names_module);

static bool is_elsewhere(const Lease *lease)
{
        return ledger_is_other_bus(lease->ledger, lease->record->owner.bus);
}

static bool has_name(const Lease *lease)
{
        return lease->record->lifetime == LEASE_LIFETIME_CONNECTION && lease->record->owner.name[0];
}

static bool is_tied(const Lease *lease)
{
        return has_name(lease) && !is_elsewhere(lease);
}

static bool is_tied_to(const Lease *lease, const char *name)
{
        return is_tied(lease) && strcmp(lease->record->owner.name, name) == 0;
}

/* Finds a lease that ends with `name`, or, if that is NULL, with another bus than this one. */
static Lease *find_tied(const Ledger *ledger, const char *name)
{
        for (size_t i = 0; i < ledger->n_leases; i++) {
                Lease *lease = ledger->leases[i];
                bool ends = name ? is_tied_to(lease, name) : has_name(lease) && is_elsewhere(lease);

                if (ends && !of(lease)->has_ended)
                        return lease;
        }
        return NULL;
}

/* A release may end further leases at once, so the list is searched again after each. */
static void end_tied(Ledger *ledger, const char *name)
{
        Lease *lease;

        while ((lease = find_tied(ledger, name))) {
                log_info("lease %" PRIu32 ": its owner's connection to the bus has ended",
                         lease->record->id);
                of(lease)->has_ended = true;
                module_report(ledger, EVENT_NAME_GONE, lease, NULL);
        }
}

void names_forget(Ledger *ledger, const char *name)
{
        queue_forget(ledger, name);
        end_tied(ledger, name);
}

void names_meet_bus(Ledger *ledger, const char *id)
{
        ledger_set_bus(ledger, id);
        queue_forget(ledger, NULL);
        end_tied(ledger, NULL);
}

bool names_need(const Ledger *ledger, const char *name)
{
        for (size_t i = 0; i < ledger->n_leases; i++)
                if (is_tied_to(ledger->leases[i], name))
                        return true;
        return queue_has_name(ledger, name);
}

void names_each(const Ledger *ledger, void (*tell)(const char *name, void *userdata),
                void *userdata)
{
        for (size_t i = 0; i < ledger->n_leases; i++)
                if (is_tied(ledger->leases[i]))
                        tell(ledger->leases[i]->record->owner.name, userdata);
        queue_each_name(ledger, tell, userdata);
}
