/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One life of a daemon on the fake host: its ledger, its loop, and steps that return when no work
 * is pending. A step that fails prints the reason to stderr and ends the process.
 */

#include "daemon/ledger/ledger.h"
#include "daemon/tell/audit.h"
#include "tests/daemon/fakehost.h"
#include "tests/daemon/fakeservice.h"

typedef struct FakeDaemon {
        struct event_base *base;
        Ledger *ledger;
        struct event *hang; /* of a worker, or NULL */
} FakeDaemon;

/* Starts the daemon on the state that the previous daemon left. */
void fakedaemon_start(FakeDaemon *daemon, const HostPaths *host, const FakeService *service);

/* Ends the daemon; its leases stay. */
void fakedaemon_end(FakeDaemon *daemon);

/* Acquires a persistent lease as root. Returns the daemon's answer. */
int fakedaemon_acquire(FakeDaemon *daemon, const char *selector, LeaseMode mode);

/* The same for all devices that `selectors` (NULL-terminated) name, in one lease. */
int fakedaemon_acquire_all(FakeDaemon *daemon, const char *const *selectors, LeaseMode mode);

/*
 * Asks for each lease whether its owner has claimed its groups, if the daemon asks that for its
 * mode, and waits until no work is pending.
 */
void fakedaemon_ask(FakeDaemon *daemon);

/* Releases the lease at that index of the ledger, and waits; checks only that an answer comes. */
void fakedaemon_release(FakeDaemon *daemon, size_t index);

/* Releases all leases, those in quarantine too, until none is left. */
void fakedaemon_release_all(FakeDaemon *daemon);

/* The machine has changed: reads it, and waits until no work is pending. */
void fakedaemon_see(FakeDaemon *daemon);

/* The same, without waiting. */
void fakedaemon_see_once(FakeDaemon *daemon);

/*
 * How many entries for such an event the journal received. Only the daemon's own process may ask.
 */
unsigned fakedaemon_told(AuditEvent event);

/* The lease that has this function and that its owner holds, or NULL. */
const Lease *fakedaemon_lease(const FakeDaemon *daemon, const char *address);

/* Checks the invariants that hold whenever no work is pending. */
void fakedaemon_check(const FakeDaemon *daemon, const char *when);

/*
 * Checks that nothing is left of any lease after all releases: no driver, override, seal or file.
 */
void fakedaemon_check_end(void);

/* Redirects this process's stderr to a file of the tree; and its stdout. */
void fakedaemon_log(void);
void fakedaemon_print_log(void);
/* Whether a line of that file contains `text`. */
bool fakedaemon_logged(const char *text);
