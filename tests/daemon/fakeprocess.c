/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The guard process of the fake host. The process that adds a function, the daemon or a worker,
 * tells the guard process of it. The guard process's writes pass the fault injection like all
 * others. Its reports stay in shared memory until the daemon reads them.
 */

#include "tests/daemon/fakeprocess.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "core/model/strength.h"
#include "daemon/guard/gate.h"
#include "daemon/guard/guard_process.h"
#include "daemon/host/block.h"
#include "daemon/host/driver.h"
#include "tests/daemon/fakehost.h"

#define REPORTS_MAX 32
#define GUARD_PROCESSES_MAX 8

int __wrap_guard_process_start(struct event_base *base, const GuardOrders *orders,
                               const GuardProcessHandler *handler, GuardProcess **ret_process);
void __wrap_guard_process_retire(GuardProcess *process);
GuardProcess *__wrap_guard_process_free(GuardProcess *process);

typedef struct Reports {
        GuardReport items[REPORTS_MAX];
        size_t n_items;
} Reports;

struct GuardProcess {
        GuardOrders orders;
        GuardProcessHandler handler;
        struct event *event;
        Reports *reports; /* shared with workers */
        bool has_ended;   /* or will exit once its reports are read */
};

static GuardProcess *all[GUARD_PROCESSES_MAX];

static void report(GuardProcess *process, GuardReportKind kind, Bdf bdf, const char *text)
{
        Reports *reports = process->reports;

        if (reports->n_items == REPORTS_MAX)
                abort();
        GuardReport *one = &reports->items[reports->n_items++];
        *one = (GuardReport){.kind = kind, .bdf = bdf};
        (void)snprintf(one->text, sizeof(one->text), "%s", text);
}

static void block(GuardProcess *process, Bdf bdf)
{
        _cleanup_(freep) char *override = NULL, *driver = NULL, *message = NULL;

        int r = driver_override_read(&process->orders.host, bdf, &override);
        if (r == 0 && !override[0])
                r = driver_override_write(&process->orders.host, bdf, BLOCK_OVERRIDE, &message);
        if (driver_read(&process->orders.host, bdf, &driver) < 0)
                abort();
        report(process, r == 0 ? GUARD_REPORT_BLOCKED : GUARD_REPORT_REFUSED, bdf,
               driver_is_harmless(driver) ? "" : driver);
}

static void on_added(const FakeDevice *device, const char *path)
{
        char full[FAKEHOST_PATH_SIZE];
        Bdf bdf;

        if (!bdf_parse(device->address, &bdf))
                abort();
        (void)snprintf(full, sizeof(full), "/%s", path);
        for (size_t i = 0; i < GUARD_PROCESSES_MAX; i++) {
                _cleanup_(freep) char *driver = NULL;

                if (!all[i] || all[i]->has_ended)
                        continue;
                if (device->bus_below == 0 && places_contain(&all[i]->orders.places, full))
                        block(all[i], bdf);
                else if (all[i]->orders.gate &&
                         gate_let_in(&all[i]->orders.host, bdf, false, &driver) == 0)
                        report(all[i], GUARD_REPORT_LET_IN, bdf, driver);
        }
}

static void on_turn(evutil_socket_t fd, short what, void *userdata)
{
        GuardProcess *process = userdata;
        const Reports reports = *process->reports;

        process->reports->n_items = 0;
        for (size_t i = 0; i < reports.n_items; i++)
                process->handler.report(&reports.items[i], process->handler.userdata);
        if (!process->has_ended || process->reports->n_items > 0)
                return;
        process->handler.ended(process, process->handler.userdata);
        __wrap_guard_process_free(process);
}

int __wrap_guard_process_start(struct event_base *base, const GuardOrders *orders,
                               const GuardProcessHandler *handler, GuardProcess **ret_process)
{
        GuardProcess *process = calloc(1, sizeof(*process));
        char *message = NULL;
        size_t i = 0;
        int r = 0;

        while (i < GUARD_PROCESSES_MAX && all[i])
                i++;
        if (!process || i == GUARD_PROCESSES_MAX)
                abort();
        all[i] = process;
        fakehost_watch(on_added);
        process->reports = mmap(NULL, sizeof(*process->reports), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (process->reports == MAP_FAILED)
                abort();
        process->handler = *handler;
        process->orders = (GuardOrders){.host = orders->host, .gate = orders->gate};
        for (size_t k = 0; k < orders->places.n_items; k++)
                if (places_add(&process->orders.places, orders->places.items[k]) < 0)
                        abort();
        process->event = event_new(base, -1, EV_PERSIST, on_turn, process);
        if (!process->event)
                abort();
        if (orders->gate)
                r = gate_write(&orders->host, false, &message);
        report(process, r == 0 ? GUARD_REPORT_READY : GUARD_REPORT_FAILED, (Bdf){.bus = 0},
               message ? message : "");
        process->has_ended = r != 0;
        free(message);
        *ret_process = process;
        return 0;
}

void __wrap_guard_process_retire(GuardProcess *process)
{
        process->has_ended = true;
}

bool fakeprocess_wake(void)
{
        bool any = false;

        for (size_t i = 0; i < GUARD_PROCESSES_MAX; i++)
                if (all[i] && (all[i]->has_ended || all[i]->reports->n_items > 0)) {
                        event_active(all[i]->event, EV_READ, 0);
                        any = true;
                }
        return any;
}

GuardProcess *__wrap_guard_process_free(GuardProcess *process)
{
        if (!process)
                return NULL;
        for (size_t i = 0; i < GUARD_PROCESSES_MAX; i++)
                if (all[i] == process)
                        all[i] = NULL;
        event_free(process->event);
        (void)munmap(process->reports, sizeof(*process->reports));
        text_list_clear(&process->orders.places);
        free(process);
        return NULL;
}
