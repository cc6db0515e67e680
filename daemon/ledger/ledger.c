/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The list of leases, and the modules with their data.
 */

#include "daemon/ledger/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/array.h"
#include "daemon/base/log.h"
#include "daemon/lease/state.h"

/* The other limits of LedgerTimes. */
#define STUCK_SECONDS 60
#define KILLED_SECONDS 1
#define HOLDERS_SECONDS 5

struct LedgerModules {
        const Module *modules[LEDGER_MODULES_MAX];
        void *data[LEDGER_MODULES_MAX];
        size_t n;
};

/* --- modules ---------------------------------------------------------------------------------- */

static size_t find_module(const Ledger *ledger, const Module *module)
{
        size_t i = 0;

        while (i < ledger->modules->n && ledger->modules->modules[i] != module)
                i++;
        if (i == ledger->modules->n)
                abort(); /* the list of modules lacks it; no input can cause this */
        return i;
}

void *module_data(const Ledger *ledger, const Module *module)
{
        return ledger->modules->data[find_module(ledger, module)];
}

void *module_part(const Lease *lease, const Module *module)
{
        return lease->parts[find_module(lease->ledger, module)];
}

void module_report(Ledger *ledger, EventKind kind, Lease *lease, const char *text)
{
        const Event event = {.kind = kind, .lease = lease, .text = text};

        for (size_t i = 0; i < ledger->modules->n; i++)
                if (ledger->modules->modules[i]->handle)
                        ledger->modules->modules[i]->handle(ledger, &event);
}

/* Allocates all data first: a module may report events to the others from its `init`. */
static int add_modules(Ledger *ledger, const Module *const *modules)
{
        LedgerModules *all = ledger->modules;

        for (; *modules; modules++) {
                if (all->n == LEDGER_MODULES_MAX)
                        return -E2BIG;
                void *data = calloc(1, (*modules)->size + 1);
                if (!data)
                        return -ENOMEM;
                all->data[all->n] = data;
                all->modules[all->n++] = *modules;
        }
        for (size_t i = 0; i < all->n; i++) {
                int r = all->modules[i]->init ? all->modules[i]->init(ledger, all->data[i]) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

static void clear_modules(LedgerModules *all)
{
        for (size_t i = all->n; i > 0; i--) {
                if (all->modules[i - 1]->clear)
                        all->modules[i - 1]->clear(all->data[i - 1]);
                free(all->data[i - 1]);
        }
        free(all);
}

static Lease *lease_free(Lease *lease)
{
        if (!lease)
                return NULL;
        for (size_t i = lease->ledger->modules->n; i > 0; i--) {
                const Module *module = lease->ledger->modules->modules[i - 1];

                if (lease->parts[i - 1] && module->lease_clear)
                        module->lease_clear(lease->parts[i - 1]);
                free(lease->parts[i - 1]);
        }
        lease_record_free(lease->record);
        free(lease);
        return NULL;
}
DEFINE_CLEANUP(Lease *, lease_free);

static int make_lease(Ledger *ledger, Lease **ret_lease)
{
        _cleanup_(lease_freep) Lease *lease = calloc(1, sizeof(*lease));

        if (!lease)
                return -ENOMEM;
        lease->ledger = ledger;
        for (size_t i = 0; i < ledger->modules->n; i++) {
                const Module *module = ledger->modules->modules[i];

                if (module->lease_size == 0)
                        continue;
                lease->parts[i] = calloc(1, module->lease_size);
                if (!lease->parts[i])
                        return -ENOMEM;
                if (module->lease_init)
                        module->lease_init(lease->parts[i]);
        }
        *ret_lease = TAKE_PTR(lease);
        return 0;
}

/* --- the ledger ------------------------------------------------------------------------------- */

int ledger_new(struct event_base *base, const HostPaths *host, const char *state_directory,
               const Module *const *modules, Ledger **ret_ledger)
{
        _cleanup_(ledger_freep) Ledger *ledger = calloc(1, sizeof(*ledger));

        if (!ledger)
                return -ENOMEM;
        ledger->base = base;
        ledger->host = *host;
        ledger->next_lease = 1;
        ledger->times = (LedgerTimes){
                .worker = WORKER_DEADLINE_SECONDS,
                .stuck = STUCK_SECONDS,
                .killed = KILLED_SECONDS,
                .holders = HOLDERS_SECONDS,
        };
        int n = snprintf(ledger->state_directory, sizeof(ledger->state_directory), "%s",
                         state_directory);
        if (n < 0 || (size_t)n >= sizeof(ledger->state_directory))
                return -ENAMETOOLONG;
        ledger->policy = calloc(1, sizeof(*ledger->policy));
        ledger->modules = calloc(1, sizeof(*ledger->modules));
        if (!ledger->policy || !ledger->modules)
                return -ENOMEM;
        int r = reading_new(ledger, base, &ledger->reading);
        if (r == 0)
                r = add_modules(ledger, modules);
        if (r == 0)
                *ret_ledger = TAKE_PTR(ledger);
        return r;
}

Ledger *ledger_free(Ledger *ledger)
{
        if (!ledger)
                return NULL;
        for (size_t i = 0; i < ledger->n_leases; i++)
                lease_free(ledger->leases[i]);
        free(ledger->leases);
        if (ledger->modules)
                clear_modules(ledger->modules);
        reading_free(ledger->reading);
        world_free(ledger->world);
        policy_free(ledger->policy);
        free(ledger->policy_error);
        free(ledger);
        return NULL;
}

void ledger_observe(Ledger *ledger, const LedgerObserver *observer)
{
        ledger->observer = *observer;
}

void ledger_set_bus(Ledger *ledger, const char *id)
{
        (void)snprintf(ledger->bus_id, sizeof(ledger->bus_id), "%s", id);
}

void ledger_need_name(const Ledger *ledger, const char *name)
{
        if (ledger->observer.needs_name)
                ledger->observer.needs_name(name, ledger->observer.userdata);
}

/* --- leases ----------------------------------------------------------------------------------- */

int ledger_add_lease(Ledger *ledger, LeaseRecord *record, Lease **ret_lease)
{
        _cleanup_(lease_record_freep) LeaseRecord *owned = record;
        Lease *lease = NULL;

        if (!ARRAY_GROW(ledger->leases, ledger->n_leases))
                return -ENOMEM;
        int r = make_lease(ledger, &lease);
        if (r < 0)
                return r;
        lease->record = TAKE_PTR(owned);
        ledger->leases[ledger->n_leases++] = lease;
        if (record->id >= ledger->next_lease)
                ledger->next_lease = record->id + 1;
        *ret_lease = lease;
        module_report(ledger, EVENT_LEASE_ADDED, lease, NULL);
        return 0;
}

static void tell(const Ledger *ledger, Change change, uint32_t id)
{
        if (ledger->observer.lease)
                ledger->observer.lease(change, id, ledger->observer.userdata);
}

void ledger_remove_lease(Lease *lease)
{
        Ledger *ledger = lease->ledger;
        uint32_t id = lease->record->id;

        for (size_t i = 0; i < ledger->n_leases; i++)
                if (ledger->leases[i] == lease) {
                        ledger->leases[i] = ledger->leases[--ledger->n_leases];
                        break;
                }
        module_report(ledger, EVENT_LEASE_REMOVED, lease, NULL);
        lease_free(lease);
        tell(ledger, CHANGE_REMOVED, id);
        module_report(ledger, EVENT_LEASE_CHANGED, NULL, NULL);
        ledger_read_after_lease(ledger);
}

void ledger_tell_added(const Lease *lease)
{
        tell(lease->ledger, CHANGE_ADDED, lease->record->id);
}

void ledger_tell_lease(Lease *lease)
{
        tell(lease->ledger, CHANGE_CHANGED, lease->record->id);
        module_report(lease->ledger, EVENT_LEASE_CHANGED, lease, NULL);
}

int ledger_set_state(Lease *lease, LeaseState state)
{
        lease->record->state = state;
        int r = lease_state_save(lease->ledger->state_directory, lease->record);
        if (r < 0)
                log_error("lease %u: saving it as %s failed: %s", lease->record->id,
                          lease_state_to_string(state), strerror(-r));
        ledger_tell_lease(lease);
        return r;
}

int ledger_save_lease(Lease *lease)
{
        return ledger_set_state(lease, lease->record->state);
}

void ledger_set_stuck(Lease *lease, bool is_stuck)
{
        lease->is_stuck = is_stuck;
}
