/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The sentinel of the fake host: told of newcomers by the host, in whatever process makes them come,
 * the daemon's own or a worker. What it does passes the faults as everything else; its reports are in
 * shared memory until the daemon takes them.
 */

#include "tests/daemon/fakesentinel.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "core/model/strength.h"
#include "daemon/guard/block.h"
#include "daemon/guard/gate.h"
#include "daemon/guard/sentinel.h"
#include "daemon/host/driver.h"
#include "tests/daemon/fakehost.h"

#define REPORTS_MAX 32
#define SENTINELS_MAX 8

int __wrap_sentinel_start(struct event_base *base, const SentinelOrders *orders,
                          const SentinelHandler *handler, Sentinel **ret_sentinel);
void __wrap_sentinel_retire(Sentinel *sentinel);
Sentinel *__wrap_sentinel_free(Sentinel *sentinel);

typedef struct Reports {
        SentinelReport items[REPORTS_MAX];
        size_t n_items;
} Reports;

struct Sentinel {
        SentinelOrders orders;
        SentinelHandler handler;
        struct event *event;
        Reports *reports; /* shared with workers */
        bool has_ended;   /* or is about to, once its reports are told */
};

static Sentinel *all[SENTINELS_MAX];

static void report(Sentinel *sentinel, SentinelReportKind kind, Bdf bdf, const char *text)
{
        Reports *reports = sentinel->reports;

        if (reports->n_items == REPORTS_MAX)
                abort();
        SentinelReport *one = &reports->items[reports->n_items++];
        *one = (SentinelReport){.kind = kind, .bdf = bdf};
        (void)snprintf(one->text, sizeof(one->text), "%s", text);
}

static void block(Sentinel *sentinel, Bdf bdf)
{
        _cleanup_(freep) char *override = NULL, *driver = NULL, *message = NULL;

        int r = driver_override_read(&sentinel->orders.host, bdf, &override);
        if (r == 0 && !override[0])
                r = driver_override_write(&sentinel->orders.host, bdf, BLOCK_OVERRIDE, &message);
        if (driver_read(&sentinel->orders.host, bdf, &driver) < 0)
                abort();
        report(sentinel, r == 0 ? SENTINEL_BLOCKED : SENTINEL_REFUSED, bdf,
               driver_is_harmless(driver) ? "" : driver);
}

static void on_added(const FakeDevice *device, const char *path)
{
        char full[FAKEHOST_PATH_SIZE];
        Bdf bdf;

        if (!bdf_parse(device->address, &bdf))
                abort();
        (void)snprintf(full, sizeof(full), "/%s", path);
        for (size_t i = 0; i < SENTINELS_MAX; i++) {
                _cleanup_(freep) char *driver = NULL;

                if (!all[i] || all[i]->has_ended)
                        continue;
                if (device->bus_below == 0 && places_contain(&all[i]->orders.places, full))
                        block(all[i], bdf);
                else if (all[i]->orders.gate &&
                         gate_let_in(&all[i]->orders.host, bdf, false, &driver) == 0)
                        report(all[i], SENTINEL_LET_IN, bdf, driver);
        }
}

static void on_turn(evutil_socket_t fd, short what, void *userdata)
{
        Sentinel *sentinel = userdata;
        const Reports reports = *sentinel->reports;

        sentinel->reports->n_items = 0;
        for (size_t i = 0; i < reports.n_items; i++)
                sentinel->handler.report(&reports.items[i], sentinel->handler.userdata);
        if (!sentinel->has_ended || sentinel->reports->n_items > 0)
                return;
        sentinel->handler.ended(sentinel, sentinel->handler.userdata);
        __wrap_sentinel_free(sentinel);
}

int __wrap_sentinel_start(struct event_base *base, const SentinelOrders *orders,
                          const SentinelHandler *handler, Sentinel **ret_sentinel)
{
        Sentinel *sentinel = calloc(1, sizeof(*sentinel));
        char *message = NULL;
        size_t i = 0;
        int r = 0;

        while (i < SENTINELS_MAX && all[i])
                i++;
        if (!sentinel || i == SENTINELS_MAX)
                abort();
        all[i] = sentinel;
        fakehost_watch(on_added);
        sentinel->reports = mmap(NULL, sizeof(*sentinel->reports), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (sentinel->reports == MAP_FAILED)
                abort();
        sentinel->handler = *handler;
        sentinel->orders = (SentinelOrders){.host = orders->host, .gate = orders->gate};
        for (size_t k = 0; k < orders->places.n_texts; k++)
                if (places_add(&sentinel->orders.places, orders->places.texts[k]) < 0)
                        abort();
        sentinel->event = event_new(base, -1, EV_PERSIST, on_turn, sentinel);
        if (!sentinel->event)
                abort();
        if (orders->gate)
                r = gate_write(&orders->host, false, &message);
        report(sentinel, r == 0 ? SENTINEL_READY : SENTINEL_FAILED, (Bdf){.bus = 0},
               message ? message : "");
        sentinel->has_ended = r != 0;
        free(message);
        *ret_sentinel = sentinel;
        return 0;
}

void __wrap_sentinel_retire(Sentinel *sentinel)
{
        sentinel->has_ended = true;
}

bool fakesentinel_wake(void)
{
        bool any = false;

        for (size_t i = 0; i < SENTINELS_MAX; i++)
                if (all[i] && (all[i]->has_ended || all[i]->reports->n_items > 0)) {
                        event_active(all[i]->event, EV_READ, 0);
                        any = true;
                }
        return any;
}

Sentinel *__wrap_sentinel_free(Sentinel *sentinel)
{
        if (!sentinel)
                return NULL;
        for (size_t i = 0; i < SENTINELS_MAX; i++)
                if (all[i] == sentinel)
                        all[i] = NULL;
        event_free(sentinel->event);
        (void)munmap(sentinel->reports, sizeof(*sentinel->reports));
        places_clear(&sentinel->orders.places);
        free(sentinel);
        return NULL;
}
