/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The file descriptors of leases, kept by the service manager when the daemon ends.
 *
 * Names in the store have no colons. So an fd is stored as `lease-ID-N`, and the record has the
 * name of N. The daemon's end of the lease pipe is `lease-ID-owner`. Without a service manager
 * these functions do nothing, and a restart ends the leases.
 */

#include <stdint.h>

#include "core/model/base.h"
#include "daemon/host/vfio.h"
#include "daemon/lease/record.h"

/* The fds received at start, by their names in the store. */
typedef struct FdStore {
        struct FdStoreItem {
                char *name;
                int fd;
        } *items;
        size_t n_items;
} FdStore;

/* Receives the fds of the service manager. Returns 0 or -errno. */
_nodiscard_ int fdstore_receive(FdStore *ret_store);

/* Closes the fds that were not taken, and removes them from the store of the service manager. */
void fdstore_discard(FdStore *store);

/* Closes the fds that were not taken. The copies of the service manager stay for the next start. */
void fdstore_clear(FdStore *store);

/*
 * Moves the fds of a lease out of the store. Returns true if all names on record are there;
 * *ret_owner is -1 if the owner's end is not.
 */
bool fdstore_take(FdStore *store, const LeaseRecord *record, VfioFds *ret_fds, int *ret_owner);

/* Stores a lease's fds (owner may be -1). Returns 0 or -errno. */
_nodiscard_ int fdstore_push(const LeaseRecord *record, const VfioFds *fds, int owner);

/* Stores one fd of a lease, and replaces the former one with that index. Same returns. */
_nodiscard_ int fdstore_replace(const LeaseRecord *record, size_t index, int fd);

/* Drops one fd of a lease from the store. */
void fdstore_drop(const LeaseRecord *record, size_t index);

/* Drops a lease's fds from the store. */
void fdstore_remove(const LeaseRecord *record);
