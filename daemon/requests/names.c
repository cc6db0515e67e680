/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What ends with somebody's connection to the bus: leases of lifetime "connection", and waiting.
 *
 * The manager knows no bus. It asks its observer to watch a name, and is told when that has ended.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/ledger/ledger.h"

static bool is_elsewhere(const Lease *lease)
{
        const char *here = lease->ledger->bus_id, *there = lease->record->owner_bus;

        return here[0] && there[0] && strcmp(here, there) != 0;
}

static bool has_name(const Lease *lease)
{
        return lease->record->lifetime == LEASE_LIFETIME_CONNECTION && lease->record->owner_name[0];
}

static bool is_tied(const Lease *lease)
{
        return has_name(lease) && !is_elsewhere(lease);
}

static bool is_tied_to(const Lease *lease, const char *name)
{
        return is_tied(lease) && strcmp(lease->record->owner_name, name) == 0;
}

/* A lease that ends with `name`, or with another bus than this one if it is NULL. */
static Lease *find_tied(const Ledger *ledger, const char *name)
{
        for (size_t i = 0; i < ledger->n_leases; i++) {
                Lease *lease = ledger->leases[i];
                bool ends = name ? is_tied_to(lease, name) : has_name(lease) && is_elsewhere(lease);

                if (ends && !lease->is_orphan)
                        return lease;
        }
        return NULL;
}

/* A release may end others at once: the list is looked through anew after each. */
static void end_tied(Ledger *ledger, const char *name)
{
        Lease *lease;

        while ((lease = find_tied(ledger, name))) {
                log_info("lease %" PRIu32 ": its owner's connection to the bus has ended",
                         lease->record->id);
                lease->is_orphan = true;
                if (lease->record->state == LEASE_LEASED)
                        lease_release(lease, NULL, NULL);
        }
}

void names_forget(Ledger *ledger, const char *name)
{
        queue_forget_name(ledger->queue, name);
        end_tied(ledger, name);
}

void names_meet_bus(Ledger *ledger, const char *id)
{
        (void)snprintf(ledger->bus_id, sizeof(ledger->bus_id), "%s", id);
        queue_meet_bus(ledger->queue);
        end_tied(ledger, NULL);
}

bool names_need(const Ledger *ledger, const char *name)
{
        for (size_t i = 0; i < ledger->n_leases; i++)
                if (is_tied_to(ledger->leases[i], name))
                        return true;
        return queue_has_name(ledger->queue, name);
}

void names_each(const Ledger *ledger, void (*tell)(const char *name, void *userdata),
                       void *userdata)
{
        for (size_t i = 0; i < ledger->n_leases; i++)
                if (is_tied(ledger->leases[i]))
                        tell(ledger->leases[i]->record->owner_name, userdata);
        queue_each_name(ledger->queue, tell, userdata);
}
