/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Bus names recorded on another bus: after a restart of the bus daemon, `:1.42` is another client.
 */

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "core/model/refusal.h"
#include "daemon/lifecycle/life_internal.h"
#include "daemon/queue/queue_internal.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/requests/requests.h"
#include "tests/daemon/fakehost.h"
#include "tests/daemon/lives_host.h"
#include "tests/unit/tap.h"

#define NAME ":1.42"
#define HERE "0123456789abcdef0123456789abcdef"
#define THERE "fedcba9876543210fedcba9876543210"
#define DEVICE "0000:00:05.0"

static struct event_base *base;
static Ledger *ledger;
static int waited;

static void begin(void)
{
        static const FakeDevice machine[] = {
                {.address = DEVICE, .type = PCIE_TYPE_RC_ENDPOINT, .group = 1}};
        static const HostPaths nowhere = {
                .sysfs = "/nonexistent", .dev = "/nonexistent", .proc = "/nonexistent"};
        HostPaths host;

        if (!lives_world) {
                fakehost_make(machine, 1, &host);
                if (__real_world_read(&host, NULL, &lives_world) < 0)
                        abort();
                fakehost_remove();
        }
        base = event_base_new();
        if (!base || daemon_new(base, &nowhere, "/nonexistent", &ledger) < 0)
                abort();
        ledger->world = lives_world;
}

static void end(void)
{
        ledger_free(ledger);
        event_base_free(base);
}

/* A lease as the previous daemon left it. */
static Lease *add_lease(const char *bus)
{
        LeaseRecord *record;
        Lease *lease;

        if (lease_record_new(&record) < 0 || lease_record_add_group(record, 1, "0000:00/05.0") < 0)
                abort();
        record->id = 7;
        record->state = LEASE_LEASED;
        record->mode = LEASE_MODE_VFIO;
        record->lifetime = LEASE_LIFETIME_CONNECTION;
        (void)snprintf(record->owner.name, sizeof(record->owner.name), NAME);
        (void)snprintf(record->owner.bus, sizeof(record->owner.bus), "%s", bus);
        if (ledger_add_lease(ledger, record, &lease) < 0)
                abort();
        life_raise(lease, LIFE_RESUME, NULL);
        return lease;
}

static void test_a_lease(const char *bus, LeaseState state, bool needs)
{
        begin();
        const Lease *lease = add_lease(bus);
        CHECK(names_need(ledger, NAME));
        names_meet_bus(ledger, HERE);
        CHECK_NUMBER(lease->record->state, state);
        CHECK_NUMBER(names_need(ledger, NAME), needs);
        end();
}

static void test_leases(void)
{
        test_a_lease(HERE, LEASE_LEASED, true);
        test_a_lease("", LEASE_LEASED, true); /* of a daemon that did not record the bus */
        test_a_lease(THERE, LEASE_RELEASING, false);
}

/*
 * The end of `:1.42` on this bus does not concern the `:1.42` of the old bus, which has ended
 * already.
 */
static void test_only_its_own_end(void)
{
        begin();
        Lease *lease = add_lease(THERE);
        (void)snprintf(ledger->bus_id, sizeof(ledger->bus_id), HERE);
        names_forget(ledger, NAME);
        CHECK_NUMBER(lease->record->state, LEASE_LEASED);
        (void)snprintf(ledger->bus_id, sizeof(ledger->bus_id), THERE);
        names_forget(ledger, NAME);
        CHECK_NUMBER(lease->record->state, LEASE_RELEASING);
        end();
}

static void on_answer(const LeaseAnswer *answer, Lease *lease, void *userdata)
{
        waited = answer->code;
}

static void test_a_waiter(const char *bus, bool stays)
{
        static const char *const selectors[] = {DEVICE, NULL};
        const AcquireRequest request = {
                .selectors = selectors,
                .options.mode = LEASE_MODE_VFIO,
                .options.lifetime = LEASE_LIFETIME_PERSISTENT,
                .who.unit = "",
                .who.name = NAME,
                .wait_usec = REQUEST_WAIT_FOREVER,
        };

        begin();
        Lease *lease = add_lease(HERE);
        (void)snprintf(ledger->bus_id, sizeof(ledger->bus_id), "%s", bus);
        waited = 0;
        request_acquire(ledger, &request, on_answer, NULL);
        if (CHECK(queue_of(ledger)->first))
                CHECK_STRING(queue_of(ledger)->first->bus, bus);
        lease->record->owner.bus[0] = '\0';
        names_meet_bus(ledger, HERE);
        CHECK_NUMBER(queue_of(ledger)->first != NULL, stays);
        CHECK_NUMBER(waited, stays ? 0 : REFUSAL_CHANGED);
        end();
}

static void test_waiters(void)
{
        test_a_waiter(HERE, true);
        test_a_waiter("", true);
        test_a_waiter(THERE, false);
}

int main(void)
{
        static const TapTest tests[] = {
                {"leases", test_leases},
                {"the end of a name is that of one bus", test_only_its_own_end},
                {"places in the queue", test_waiters},
        };

        return tap_run(tests);
}
