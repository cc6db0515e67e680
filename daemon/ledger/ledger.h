/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The ledger: the machine as last read, the policy in force, and the list of leases.
 *
 * It decides nothing and starts nothing. Other modules look leases up here, set their state, and
 * ask for the next reading of the machine (daemon/ledger/reading.h). Only files of this folder, and
 * daemon/reconcile, write the ledger's fields; everybody else reads them.
 */

#include <event2/event.h>

#include "core/model/policy.h"
#include "daemon/host/host.h"
#include "daemon/lease/record.h"
#include "daemon/ledger/answer.h"
#include "daemon/ledger/module.h"
#include "daemon/ledger/observer.h"
#include "daemon/ledger/reading.h"
#include "daemon/machine/world.h"

/* The longest time a worker may take before its lease is called draining and the caller is
 * answered. */
#define WORKER_DEADLINE_SECONDS 15

/* Limits of time, in seconds. Tests set shorter ones. */
typedef struct LedgerTimes {
        unsigned worker;  /* WORKER_DEADLINE_SECONDS */
        unsigned stuck;   /* how long a restore drains before it is called stuck */
        unsigned killed;  /* how long a killed worker has to die before it is called stuck */
        unsigned holders; /* between two searches for a second process */
} LedgerTimes;

#define LEASES_PER_UID_MAX 64
#define LEDGER_PATH_SIZE 256
#define LEDGER_MODULES_MAX 32

/*
 * Define a function that returns a module's part of a lease, or a module's own data, as its type.
 * What the function returns is borrowed.
 */
#define DEFINE_LEASE_PART(type, function, module)                                                  \
        static type *function(const Lease *lease)                                                  \
        {                                                                                          \
                return module_part(lease, &(module));                                              \
        }                                                                                          \
        struct base_swallow_semicolon
#define DEFINE_MODULE_DATA(type, function, module)                                                 \
        static type *function(const Ledger *ledger)                                                \
        {                                                                                          \
                return module_data(ledger, &(module));                                             \
        }                                                                                          \
        struct base_swallow_semicolon

/* A lease's identity. All else about it belongs to a module (module_part()). */
struct Lease {
        Ledger *ledger;
        LeaseRecord *record;
        bool is_stuck; /* a worker of it has hung in the kernel for too long: ledger_set_stuck() */
        void *parts[LEDGER_MODULES_MAX];
};

typedef struct LedgerModules LedgerModules; /* ledger.c */

struct Ledger {
        struct event_base *base;
        HostPaths host;
        char bus_id[LEASE_BUS_ID_SIZE]; /* of the bus that is served; "" before that is known */
        char state_directory[LEDGER_PATH_SIZE];
        World *world;        /* NULL until the first reading */
        const World *before; /* the previous world, while leases are compared with the new one */
        Policy *policy;
        char *policy_error; /* NULL if the files' policy is in force */
        Lease **leases;
        size_t n_leases;
        uint32_t next_lease; /* the number that the next new lease gets */
        LedgerObserver observer;
        LedgerTimes times;
        Reading *reading;
        LedgerModules *modules;
};

/*
 * Creates a ledger with these modules (NULL-terminated; it and they must last). Returns 0 and *ret,
 * or -errno; the caller frees *ret after the event loop has ended.
 */
_nodiscard_ int ledger_new(struct event_base *base, const HostPaths *host,
                           const char *state_directory, const Module *const *modules,
                           Ledger **ret_ledger);

/* Frees a ledger; leases stay as they are, for the next daemon. NULL is fine; returns NULL. */
Ledger *ledger_free(Ledger *ledger);
DEFINE_CLEANUP(Ledger *, ledger_free);

/* From now on changes are told to `observer`, which is copied. */
void ledger_observe(Ledger *ledger, const LedgerObserver *observer);

/* Adds a lease around `record` (taken over). Returns 0 and *ret, borrowed, or -ENOMEM. */
_nodiscard_ int ledger_add_lease(Ledger *ledger, LeaseRecord *record, Lease **ret_lease);

/* Removes a lease from the list, reports EVENT_LEASE_REMOVED, frees it, and tells the observer. */
void ledger_remove_lease(Lease *lease);

/* Sets and saves the lease's state and tells the observer. Returns 0 or -errno (not saved). */
int ledger_set_state(Lease *lease, LeaseState state);

/* Saves the lease's record as it is, and tells the observer. Same returns. */
int ledger_save_lease(Lease *lease);

/* Sets whether a worker of the lease hangs in the kernel, as ledger_lease_state() shows. */
void ledger_set_stuck(Lease *lease, bool is_stuck);

/* Tells the observer that a lease is new, or that its visible state has changed. */
void ledger_tell_added(const Lease *lease);
void ledger_tell_lease(Lease *lease);

/* Tells the observer that a lease or a waiter ends with this name on the bus. */
void ledger_need_name(const Ledger *ledger, const char *name);

/* Lookups; NULL if there is none. Borrowed. */
Lease *ledger_find_lease(const Ledger *ledger, uint32_t id);
Lease *ledger_lease_of_group(const Ledger *ledger, size_t group);
Lease *ledger_lease_of_device(const Ledger *ledger, size_t device);
size_t ledger_count_leases_of(const Ledger *ledger, uid_t uid);

/* "host", "free", "leased", "held", "parked" or "reserved" (org.isolationd1.Device.State). */
const char *ledger_device_state(const Ledger *ledger, size_t device);
/* "free", or ledger_lease_state(). */
const char *ledger_group_state(const Ledger *ledger, size_t group);
/*
 * The record's state, or "revoking" if the owner has been told that the lease ends, or "breached"
 * if the lease is leased and a host driver was bound in it, or "stuck" if a worker of it hangs in
 * the kernel.
 */
const char *ledger_lease_state(const Lease *lease);

/* Whether the owner of a lease has been told that the lease ends, and has time left. */
bool ledger_is_revoking(const Lease *lease);

/* Sets the id of the bus that is served. Names on record that another bus gave have ended. */
void ledger_set_bus(Ledger *ledger, const char *id);

/* Whether `bus_id`, on record with a name, is the id of another bus than the one that is served. */
bool ledger_is_other_bus(const Ledger *ledger, const char *bus_id);

/*
 * Reads the policy files again, and reports EVENT_POLICY. A bad policy leaves the old one in force,
 * with the reason in `policy_error`. Returns 0 or -errno.
 */
_nodiscard_ int ledger_load_policy(Ledger *ledger);
