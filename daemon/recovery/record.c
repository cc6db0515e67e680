/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The name of a descriptor in the store tells its lease. The path of the descriptor tells its node:
 * of a group or a device. A device that is bound to VFIO proves nothing by itself, as other
 * programs use VFIO too. Behind such a descriptor, it belonged to a lease.
 */

#include "daemon/recovery/record.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/model/strength.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/host/block.h"
#include "daemon/host/driver.h"
#include "daemon/lease/state.h"
#include "daemon/lifecycle/lifecycle.h"

#define TROUBLE                                                                                    \
        "its record cannot be read; its devices are known from its descriptors, but not the "      \
        "drivers "                                                                                 \
        "they had before: isoctl repair gives them to the drivers that the host has for them"

/* Finds the lease of a stored descriptor; 0 if its name is not of the daemon. */
static uint32_t find_owner(const char *name)
{
        char *end;

        if (strncmp(name, "lease-", strlen("lease-")) != 0)
                return 0;
        unsigned long id = strtoul(name + strlen("lease-"), &end, 10);
        return *end == '-' && id <= UINT32_MAX ? (uint32_t)id : 0;
}

/*
 * The node was opened in the mount namespace of another daemon, so where its /dev was mounted is
 * not visible here.
 */
static bool is_node(int fd, const char *below_dev)
{
        char path[PATH_MAX];

        if (host_read_target_at(path, "/proc/self/fd/%d", fd) < 0)
                return false;
        size_t n = strlen(path), n_below = strlen(below_dev);
        return n >= n_below && strcmp(path + n - n_below, below_dev) == 0;
}

/* Whether the lease left a descriptor of the node of the device, or of its group. */
static bool has_left(const Ledger *ledger, const FdStore *store, uint32_t id,
                     const PciDevice *device)
{
        const HostPaths *host = &ledger->host;
        _cleanup_(freep) char *node = NULL;
        char group[sizeof("/vfio/") + 12];

        if (vfio_find_cdev(host, device->bdf, &node) < 0)
                node = NULL;
        (void)snprintf(group, sizeof(group), "/vfio/%d", device->kernel_group);
        for (size_t i = 0; i < store->n_items; i++) {
                const struct FdStoreItem *item = &store->items[i];

                if (item->fd >= 0 && find_owner(item->name) == id &&
                    (is_node(item->fd, group) ||
                     (node && is_node(item->fd, node + strlen(host->dev)))))
                        return true;
        }
        return false;
}

/* Adds a device that is bound to VFIO, or held. The host will choose its driver. */
static int add_device(const HostPaths *host, LeaseRecord *record, const PciDevice *device)
{
        _cleanup_(freep) char *override = NULL;
        bool is_vfios = driver_is_vfio(device->sysfs.driver);

        int r = driver_override_read(host, device->bdf, &override);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (!is_vfios && strcmp(override, BLOCK_OVERRIDE) != 0)
                return 0;
        r = lease_record_add_device(record, device->bdf,
                                    is_vfios ? LEASE_ROLE_TAKEN : LEASE_ROLE_JOINER, "", "");
        if (r < 0)
                return r;
        LeaseDevice *added = &record->devices[record->n_devices - 1];
        added->joined = true;
        if (is_vfios)
                (void)snprintf(added->driver, sizeof(added->driver), "%s", device->sysfs.driver);
        return 0;
}

/* Adds all devices of one group. */
static int add_group(const Ledger *ledger, LeaseRecord *record, size_t group)
{
        const World *world = ledger->world;

        int r = lease_record_add_group(record, world->groups->groups[group].kernel_group,
                                       world->groups->groups[group].id);
        for (size_t i = 0; r == 0 && i < world->snapshot->n_devices; i++)
                if (world->groups->group_of[i] == group)
                        r = add_device(&ledger->host, record, &world->snapshot->devices[i]);
        return r;
}

static int add_groups(const Ledger *ledger, const FdStore *store, LeaseRecord *record)
{
        const World *world = ledger->world;
        int r = 0;

        for (size_t i = 0; r == 0 && i < world->snapshot->n_devices; i++) {
                const PciDevice *device = &world->snapshot->devices[i];
                size_t group = world->groups->group_of[i];

                if (group != SNAPSHOT_NONE && driver_is_vfio(device->sysfs.driver) &&
                    !lease_record_has_group(record, device->kernel_group) &&
                    !ledger_lease_of_group(ledger, group) &&
                    has_left(ledger, store, record->id, device))
                        r = add_group(ledger, record, group);
        }
        return r;
}

static int recover_lease(Ledger *ledger, const FdStore *store, uint32_t id)
{
        _cleanup_(lease_record_freep) LeaseRecord *record = NULL;
        Lease *lease;

        int r = lease_record_new(&record);
        if (r < 0)
                return r;
        record->id = id;
        record->state = LEASE_QUARANTINED;
        record->mode = LEASE_MODE_VFIO;
        record->lifetime = LEASE_LIFETIME_PERSISTENT;
        record->since_usec = clock_usec(CLOCK_REALTIME);
        record->condition.trouble = strdup(TROUBLE);
        r = record->condition.trouble ? add_groups(ledger, store, record) : -ENOMEM;
        if (r < 0 || record->n_groups == 0)
                return r;
        r = lease_state_save(ledger->state_directory, record);
        if (r < 0)
                return r;
        log_error("lease %" PRIu32 " is quarantined, group %s: " TROUBLE, id,
                  record->groups[0].id);
        r = ledger_add_lease(ledger, TAKE_PTR(record), &lease);
        if (r == 0)
                lifecycle_adopt_quarantined(lease);
        return r;
}

int recover_records(Ledger *ledger, const FdStore *store)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < store->n_items; i++) {
                uint32_t id = store->items[i].fd >= 0 ? find_owner(store->items[i].name) : 0;

                if (id != 0 && !ledger_find_lease(ledger, id))
                        r = recover_lease(ledger, store, id);
        }
        return r;
}
