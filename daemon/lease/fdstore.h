/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The lease's file descriptors, kept by the service manager across our death.
 *
 * Names in the store carry no colons, so an fd is stored as `lease-ID-N` and the record keeps what N
 * was; the daemon's end of the lease pipe is `lease-ID-owner`. Without a service manager these do
 * nothing, and a restart ends the leases.
 */

#include <stdint.h>

#include "core/model/base.h"
#include "daemon/host/vfio.h"
#include "daemon/lease/record.h"

/* Fds handed over at start, by the name they were stored under. */
typedef struct FdStore {
        struct FdStoreItem {
                char *name;
                int fd;
        } *items;
        size_t n_items;
} FdStore;

/* Takes over what the service manager passed. Returns 0 or -errno. */
_nodiscard_ int fdstore_receive(FdStore *ret_store);

/* Closes and forgets what nobody took, and drops it from the service manager's store. */
void fdstore_discard(FdStore *store);

/* Closes and forgets what nobody took; the service manager's own copies stay for the next start. */
void fdstore_clear(FdStore *store);

/*
 * Moves a lease's fds out of the store. Returns true if all the record names are there; *ret_owner is
 * -1 if the owner's end is not.
 */
bool fdstore_take(FdStore *store, const LeaseRecord *record, VfioFds *ret_fds, int *ret_owner);

/* Stores a lease's fds (owner may be -1). Returns 0 or -errno. */
_nodiscard_ int fdstore_push(const LeaseRecord *record, const VfioFds *fds, int owner);

/* Stores one fd of a lease, in the place of what was stored for that index. Same returns. */
_nodiscard_ int fdstore_replace(const LeaseRecord *record, size_t index, int fd);

/* Drops one fd of a lease from the store. */
void fdstore_drop(const LeaseRecord *record, size_t index);

/* Drops a lease's fds from the store. */
void fdstore_remove(const LeaseRecord *record);
