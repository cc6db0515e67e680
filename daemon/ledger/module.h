/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A module of the daemon: its own data, its part of each lease, and the events that it handles.
 *
 * The top of the daemon lists the modules in their order (daemon/reconcile/reconcile.c). A module
 * finds its data by its own `Module`, which is private to it, so no other module can write the
 * data. Modules do not start each other: a module reports an event, and the modules that handle it
 * are called in the order of the list.
 */

#include <stddef.h>

#include "core/model/base.h"

typedef struct Ledger Ledger;
typedef struct Lease Lease;

typedef enum EventKind {
        /* Of the ledger. */
        EVENT_LEASE_ADDED,
        EVENT_LEASE_CHANGED, /* its state or its guard looks different from outside */
        EVENT_LEASE_REMOVED, /* it has left the list, and is freed after this */
        EVENT_POLICY,        /* another policy is in force */
        EVENT_GROUP_FREED,   /* a group may have become free */
        /* Of a lease, for its lifecycle to act on. */
        EVENT_JOINED,        /* a device has joined its groups */
        EVENT_BREACHED,      /* a host driver was bound in it and has left; `text` names it */
        EVENT_GUARD_SETTLED, /* its guard will not change by itself */
        EVENT_GUARD_WEAK,    /* its guard is weaker than its rule requires */
        EVENT_FAULT_STORM,   /* its devices cause too many faults */
        EVENT_OWNER_GONE,    /* all copies of its lease fd are closed */
        EVENT_NAME_GONE,     /* its owner's name on the bus has ended */
        /* Of a lease, from its lifecycle. */
        EVENT_RESTORING, /* it is given back: requests about it will not be done */
} EventKind;

typedef struct Event {
        EventKind kind;
        Lease *lease;     /* borrowed; NULL for events that concern no lease */
        const char *text; /* a sentence for people, or NULL */
} Event;

typedef struct Module {
        const char *name;
        size_t size;       /* bytes of its own data; zeroed before `init` */
        size_t lease_size; /* bytes of its part of a lease; zeroed before `lease_init` */
        /* Each may be NULL. Returns 0 or -errno; after an error `clear` is called too. */
        int (*init)(Ledger *ledger, void *data);
        void (*clear)(void *data);
        void (*lease_init)(void *part);
        void (*lease_clear)(void *part);
        void (*handle)(Ledger *ledger, const Event *event);
} Module;

/* The module's data, and its part of a lease. Borrowed; the module must be in the ledger's list. */
void *module_data(const Ledger *ledger, const Module *module);
void *module_part(const Lease *lease, const Module *module);

/* Calls the handlers of all modules, in their order. `lease` and `text` may be NULL. */
void module_report(Ledger *ledger, EventKind kind, Lease *lease, const char *text);
