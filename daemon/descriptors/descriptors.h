/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The descriptors of a lease: the daemon's copies of those that claim its groups, and the lease fd.
 *
 * The lease fd is the read end of a pipe. When all copies of it are closed, the daemon's write end
 * reports that: EVENT_OWNER_GONE. Each descriptor is in three places: on record by name, in the
 * service manager's fd store, and here.
 */

#include "daemon/lease/fdstore.h"
#include "daemon/ledger/ledger.h"

extern const Module descriptors_module;

/* The daemon's copies. Borrowed; only the lifecycle and this module change them. */
VfioFds *descriptors_of(const Lease *lease);

/*
 * Makes the pipe of a new lease, and keeps the write end if the lease lasts as long as its fd.
 * Returns 0 or -errno.
 */
_nodiscard_ int descriptors_open_pipe(Lease *lease);

/* Pushes all descriptors to the fd store, with their names on record. Returns 0 or -errno. */
_nodiscard_ int descriptors_store(Lease *lease);

/* Takes the descriptors that the service manager kept. Returns whether it kept all. */
bool descriptors_take_stored(Lease *lease, FdStore *store);

/* Whether the daemon has the write end of the pipe. */
bool descriptors_have_pipe(const Lease *lease);

/* Starts to report the closing of the lease fd, if the lease ends with it. Returns 0 or -ENOMEM. */
_nodiscard_ int descriptors_watch_owner(Lease *lease);

/* Closes both ends of the pipe; nothing is reported after this. */
void descriptors_forget_owner(Lease *lease);

/* The read end, until it has been handed out and closed here; then -1. Borrowed. */
int descriptors_client_fd(const Lease *lease);
void descriptors_close_client_fd(Lease *lease);

/*
 * Opens another lease fd for an owner that has none. If the lease lasts as long as its fd, this is
 * another copy of it. Returns an fd, the caller's, or -errno.
 */
_nodiscard_ int lease_open_fd(const Lease *lease);

/*
 * Gives the lease copies of the descriptors that a worker has claimed, in all three places. Returns
 * 0 and *ret_former, the lease's previous descriptors, for descriptors_settle(); or -errno, and
 * nothing is kept.
 */
_nodiscard_ int descriptors_keep(Lease *lease, const VfioFds *fds, VfioFds *ret_former);

/*
 * Keeps the new descriptors, or drops them if they could not be saved. Ends `former`: do not use it
 * again.
 */
void descriptors_settle(Lease *lease, VfioFds *former, bool keep);
