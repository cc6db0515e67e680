/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Counts what is on record, not what the service manager has. A lease whose claim is still being
 * made counts as what it will need.
 */

#include "daemon/descriptors/room.h"

#include <errno.h>
#include <stdlib.h>

/* A number in the environment; SIZE_MAX if there is none. */
static size_t read_number(const char *name)
{
        const char *text = getenv(name);
        char *end;

        if (!text || text[0] < '0' || text[0] > '9')
                return SIZE_MAX;
        errno = 0;
        unsigned long number = strtoul(text, &end, 10);
        return errno != 0 || *end != '\0' ? SIZE_MAX : number;
}

size_t store_max(void)
{
        size_t told = read_number("FDSTORE");

        if (!getenv("NOTIFY_SOCKET"))
                return SIZE_MAX;
        return told != SIZE_MAX ? told : read_number("ISOLATIOND_FDSTORE_MAX");
}

size_t store_need(LeaseMode mode, size_t n_groups, size_t n_devices)
{
        switch (mode) {
        case LEASE_MODE_VFIO:
                return 2 + n_groups; /* the container, the groups, the owner's end */
        case LEASE_MODE_GROUP_FD:
                return 1 + n_groups;
        case LEASE_MODE_IOMMUFD:
        case LEASE_MODE_IOMMUFD_UNBOUND:
                return 2 + n_devices; /* the iommufd, the devices, the owner's end */
        case LEASE_MODE_PATH:
                return 1;
        case LEASE_MODE_NONE:
        case _LEASE_MODE_N:
                break;
        }
        return 2 + n_groups + n_devices;
}

/* The descriptors that a lease has in the store, or will have. */
static size_t need_of(const LeaseRecord *record)
{
        size_t n_devices = 0;

        if (record->state != LEASE_PREPARING)
                return record->n_fd_names + (record->lifetime == LEASE_LIFETIME_FD);
        for (size_t i = 0; i < record->n_devices; i++)
                n_devices += record->devices[i].role == LEASE_ROLE_TAKEN;
        return store_need(record->mode, record->n_groups, n_devices);
}

size_t store_used(const Ledger *ledger)
{
        size_t n = 0;

        for (size_t i = 0; i < ledger->n_leases; i++)
                n += need_of(ledger->leases[i]->record);
        return n;
}

bool store_has_room(const Ledger *ledger)
{
        return store_used(ledger) < store_max();
}

int store_check(const Ledger *ledger, size_t need, char **ret_message)
{
        size_t max = store_max(), used = store_used(ledger);

        if (max == SIZE_MAX || (used <= max && need <= max - used))
                return 0;
        return host_refuse(REFUSAL_QUOTA, ret_message,
                           "the service manager keeps %zu descriptors across a restart of the "
                           "daemon, %zu are in use and this lease needs %zu: raise "
                           "FileDescriptorStoreMax= of isolationd.service (isolationd(8)), "
                           "or release another lease",
                           max, used, need);
}
