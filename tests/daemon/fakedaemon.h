/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One life of a daemon on the fake host: the manager, its loop, and steps that end when nothing
 * more is under way. A step that goes wrong ends the process with words on stderr.
 */

#include "daemon/ledger/ledger.h"
#include "daemon/tell/audit.h"
#include "tests/daemon/fakehost.h"
#include "tests/daemon/fakeservice.h"

typedef struct FakeDaemon {
        struct event_base *base;
        Ledger *ledger;
        struct event *hang; /* a worker's; or NULL */
} FakeDaemon;

/* Starts where the one before it has left off. */
void fakedaemon_start(FakeDaemon *daemon, const HostPaths *host, const FakeService *service);

/* Ends it; leases stay. */
void fakedaemon_end(FakeDaemon *daemon);

/* Takes a persistent lease as root. Returns what the manager answered. */
int fakedaemon_acquire(FakeDaemon *daemon, const char *selector, LeaseMode mode);

/* The same for all that `selectors` (NULL-terminated) name, in one lease. */
int fakedaemon_acquire_all(FakeDaemon *daemon, const char *const *selectors, LeaseMode mode);

/* Has all leases ask for their owners' claims, where that is done, and waits for what follows. */
void fakedaemon_ask(FakeDaemon *daemon);

/* Gives the manager's lease of that index back, as far as that goes. */
void fakedaemon_release(FakeDaemon *daemon, size_t index);

/* Gives all leases back, those in quarantine too, until there are none. */
void fakedaemon_release_all(FakeDaemon *daemon);

/* The machine has changed: it is read, and what follows is waited for. */
void fakedaemon_see(FakeDaemon *daemon);

/* The same, but nothing is waited for. */
void fakedaemon_see_once(FakeDaemon *daemon);

/* How often the journal was told of such an event. Only the daemon's own process may tell it. */
unsigned fakedaemon_told(AuditEvent event);

/* The lease that has this function, and is in its owner's hands, or NULL. */
const Lease *fakedaemon_lease(const FakeDaemon *daemon, const char *address);

/* Whatever has happened: what has to be so whenever nothing is under way. */
void fakedaemon_check(const FakeDaemon *daemon, const char *when);

/* And once all is given back: nothing of any lease is left, no driver, override, seal or file. */
void fakedaemon_check_end(void);

/* From now on what this process says on stderr goes to a file of the tree; and that on stdout. */
void fakedaemon_log(void);
void fakedaemon_print_log(void);
/* Whether a line of it has that text. */
bool fakedaemon_logged(const char *text);
