/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What ends with somebody's connection to the bus: leases of lifetime "connection", and waiting.
 *
 * The manager knows no bus. It asks its observer to watch a name, and is told when that has ended.
 */

#include <inttypes.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/manager.h"

static bool is_tied(const Lease *lease)
{
        return lease->record->lifetime == LEASE_LIFETIME_CONNECTION && lease->record->owner_name[0];
}

static bool is_tied_to(const Lease *lease, const char *name)
{
        return is_tied(lease) && strcmp(lease->record->owner_name, name) == 0;
}

/* A release may end others at once: the list is looked through anew after each. */
static Lease *find_tied(const Manager *manager, const char *name)
{
        for (size_t i = 0; i < manager->n_leases; i++)
                if (is_tied_to(manager->leases[i], name) && !manager->leases[i]->is_orphan)
                        return manager->leases[i];
        return NULL;
}

void manager_forget_name(Manager *manager, const char *name)
{
        Lease *lease;

        queue_forget_name(manager->queue, name);
        while ((lease = find_tied(manager, name))) {
                log_info("lease %" PRIu32 ": its owner's connection to the bus has ended",
                         lease->record->id);
                lease->is_orphan = true;
                if (lease->record->state == LEASE_LEASED)
                        manager_release(lease, NULL, NULL);
        }
}

bool manager_needs_name(const Manager *manager, const char *name)
{
        for (size_t i = 0; i < manager->n_leases; i++)
                if (is_tied_to(manager->leases[i], name))
                        return true;
        return queue_has_name(manager->queue, name);
}

void manager_each_name(const Manager *manager, void (*tell)(const char *name, void *userdata),
                       void *userdata)
{
        for (size_t i = 0; i < manager->n_leases; i++)
                if (is_tied(manager->leases[i]))
                        tell(manager->leases[i]->record->owner_name, userdata);
        queue_each_name(manager->queue, tell, userdata);
}
