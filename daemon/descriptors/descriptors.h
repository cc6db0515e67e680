/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The descriptors of a lease: our copies of what claims its groups, and the lease fd.
 *
 * The lease fd is the read end of a pipe. When all copies of it are closed the write end, which is
 * ours, reports it: EVENT_OWNER_GONE. Descriptors are in three places at once: on record by name, in the
 * service manager's fd store, and here.
 */

#include "daemon/lease/fdstore.h"
#include "daemon/ledger/ledger.h"

extern const Module descriptors_module;

/* Our copies. Borrowed; only the lifecycle and this module change them. */
VfioFds *descriptors_of(const Lease *lease);

/* Makes the pipe of a new lease, and keeps the write end if the lease lasts as long as its fd. Returns 0
 * or -errno. */
_nodiscard_ int descriptors_open_pipe(Lease *lease);

/* Pushes all to the fd store, with their names on record. Returns 0 or -errno. */
_nodiscard_ int descriptors_store(Lease *lease);

/* Takes what the service manager kept. Returns whether it kept all. */
bool descriptors_take_stored(Lease *lease, FdStore *store);

/* Whether the write end of the pipe is here. */
bool descriptors_have_pipe(const Lease *lease);

/* From now on the closing of the lease fd is reported, if the lease ends with it. Returns 0 or -ENOMEM. */
_nodiscard_ int descriptors_watch_owner(Lease *lease);

/* Closes both ends of the pipe; nothing is reported after this. */
void descriptors_forget_owner(Lease *lease);

/* The read end, until it has been handed out and is closed here; -1 after that. Borrowed. */
int descriptors_client_fd(const Lease *lease);
void descriptors_close_client_fd(Lease *lease);

/*
 * Another lease fd, for an owner that has none: of a lease that lasts as long as its fd, another copy.
 * Returns an fd, the caller's, or -errno.
 */
_nodiscard_ int lease_open_fd(const Lease *lease);

/*
 * Makes copies of what a worker has claimed the lease's own, in all three places. Returns 0 and
 * *ret_former, what the lease had, which descriptors_settle() ends; or -errno, and nothing is kept.
 */
_nodiscard_ int descriptors_keep(Lease *lease, const VfioFds *fds, VfioFds *ret_former);

/* Keeps the new ones, or, as they could not be saved, drops them; `former` is not to be used after. */
void descriptors_settle(Lease *lease, VfioFds *former, bool keep);
