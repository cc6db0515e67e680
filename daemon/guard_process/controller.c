/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The orders of a guard process are fixed when it starts. For other orders the controller starts
 * another guard process, which takes over before the first one ends. A worker undoes what has to be
 * undone.
 */

#include "daemon/guard_process/controller.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/event.h"
#include "daemon/base/log.h"
#include "daemon/facts/guard_facts.h"
#include "daemon/guard/rules.h"
#include "daemon/guard_process/controller_internal.h"
#include "daemon/work/work.h"

/* --- settling --------------------------------------------------------------------------------- */

/*
 * Whether a guard process is starting or the gate is being opened. A gate that is being opened
 * cannot be shut; the next review decides whether to shut it again.
 */
static bool is_unsettled(const GuardController *controller)
{
        return (controller->process && !controller->is_ready) || (controller->worker && controller->sweep.open_gate);
}

bool controller_is_settling(const Ledger *ledger)
{
        const GuardController *controller = controller_of(ledger);

        return is_unsettled(controller) && !controller->is_late;
}

static void on_late(evutil_socket_t fd, short what, void *userdata)
{
        GuardController *controller = userdata;

        controller->is_late = true;
        log_error("the guard process or the gate is not ready after %u s; until it is, requests "
                  "are answered with the present guard of their lease",
                  controller->ledger->times.worker);
        ledger_read_soon(controller->ledger);
}

/*
 * Limits the time that a request waits for its guard to settle. After that it is answered with
 * whatever guard there is.
 */
static void limit_settling(GuardController *controller)
{
        struct event **timer = &controller->late_event;
        const Ledger *ledger = controller->ledger;

        if (!is_unsettled(controller)) {
                event_freep(timer);
                controller->is_late = false;
        } else if (!controller->is_late && !(*timer && evtimer_pending(*timer, NULL)) &&
                   timer_start(timer, ledger->base, on_late, controller,
                               ledger->times.worker * USEC_PER_SEC) < 0) {
                controller->is_late = true; /* without a timer nothing would end the wait */
        }
}

/* --- orders on record ------------------------------------------------------------------------ */

/*
 * Notes the functions that need not be let in, before the gate is shut and while it is. Returns 0
 * or -errno.
 */
static int note_functions(GuardController *controller, bool all)
{
        const Snapshot *snapshot = controller->ledger->world->snapshot;
        WatchFile *file = controller->file;
        int r = 0;

        for (size_t i = file->n_known; i > 0; i--)
                if (snapshot_find(snapshot, file->known[i - 1].bdf) == SNAPSHOT_NONE)
                        watchfile_drop(file, file->known[i - 1].bdf);
        for (size_t i = 0; r == 0 && i < snapshot->n_devices; i++) {
                WatchFunction function;

                if (!all && !snapshot->devices[i].sysfs.driver[0])
                        continue;
                r = watchfile_find_function(&controller->ledger->host, snapshot->devices[i].bdf,
                                            &function);
                if (r == 0)
                        r = watchfile_add(file, &function);
                else if (r == -ENOENT)
                        r = 0; /* the next reading handles it */
        }
        return r;
}

/*
 * Records in the watch file that there is a guard process, and whether it shuts the gate. Returns 0
 * or -errno.
 */
static int keep_file(GuardController *controller, const GuardOrders *orders)
{
        bool gate = orders->gate, shuts = gate && !(controller->file && controller->file->gate_shut);
        int r = 0;

        if (!controller->file)
                controller->file = calloc(1, sizeof(*controller->file));
        if (!controller->file)
                return -ENOMEM;
        if (shuts)
                controller->file->n_known = 0;
        if (shuts || controller->file->gate_shut)
                r = note_functions(controller, shuts);
        text_list_clear(&controller->file->places);
        for (size_t i = 0; r == 0 && i < orders->places.n_items; i++)
                r = places_add(&controller->file->places, orders->places.items[i]);
        if (r < 0)
                return r;
        controller->file->gate_shut |= gate;
        if (shuts)
                r = rules_write_gate(RULES_DIRECTORY);
        if (r < 0)
                log_error("the udev rules of the gate could not be written: %s", strerror(-r));
        r = watchfile_save(controller->ledger->state_directory, controller->file);
        if (r < 0 && shuts)
                controller->file->gate_shut =
                        false; /* the gate stays open if it is not on record */
        return r;
}

static void start_service(GuardController *controller);

/* --- reports of the guard process ------------------------------------------------------------- */

static void on_blocked(GuardController *controller, const GuardReport *report)
{
        /*
         * If somebody has opened the gate, or the worker is about to, a bind does not show that the
         * kernel ignores the gate.
         */
        bool gate = controller_gate_holds(controller->ledger) && !(controller->worker && controller->sweep.open_gate);
        char text[BDF_TEXT_SIZE];

        log_info("%s came and was blocked after %" PRIu64 " us%s%s", bdf_format(report->bdf, text),
                 report->nsec / 1000, report->text[0] ? "; it has the driver " : "", report->text);
        controller_add_stray(controller, report->bdf);
        if (!report->text[0])
                controller->n_heeded += gate;
        if (!report->text[0] || !gate)
                return;
        controller->gate_failed = true;
        log_error("drivers_autoprobe is 0, but this kernel (%s) bound %s to %s; the gate is no "
                  "longer used",
                  controller->ledger->world->snapshot->kernel_release, text, report->text);
}

static void on_ready(GuardController *controller, const GuardReport *report)
{
        log_info("the guard process watches %zu places (%s)%s", controller->orders.places.n_items,
                 report->text, controller->orders.gate ? "; the gate is shut" : "");
        controller->is_ready = true;
        controller->gate_confirmed = controller->orders.gate;
        if (controller->former)
                guard_process_retire(controller->former);
        start_service(controller);
}

static void on_report(const GuardReport *report, void *userdata)
{
        GuardController *controller = userdata;
        char text[BDF_TEXT_SIZE];

        switch (report->kind) {
        case GUARD_REPORT_READY:
                on_ready(controller, report);
                break;
        case GUARD_REPORT_FAILED:
                log_error("the guard process%s did not start: "
                          "%s",
                          controller->orders.gate ? " with the gate" : "", report->text);
                /* A guard process without the gate is service than none. */
                controller->gate_failed |= controller->orders.gate;
                return; /* on_ended() follows */
        case GUARD_REPORT_BLOCKED:
                on_blocked(controller, report);
                break;
        case GUARD_REPORT_REFUSED:
                log_error("%s came and could not be blocked: %s", bdf_format(report->bdf, text),
                          strerror(-report->code));
                break;
        case GUARD_REPORT_BOUND:
                log_warning("%s was bound to %s", bdf_format(report->bdf, text), report->text);
                break;
        case GUARD_REPORT_LET_IN:
                log_info("%s was let in after %" PRIu64 " us: %s", bdf_format(report->bdf, text),
                         report->nsec / 1000, report->text[0] ? report->text : "no driver");
                break;
        case GUARD_REPORT_LOST:
                log_warning("the guard process missed events of the kernel, or could not report "
                            "them; all functions are checked");
                controller->sweep_functions = controller->sweep_overrides = true;
                break;
        case _GUARD_REPORT_N:
        default:
                return;
        }
        ledger_read_soon(controller->ledger);
}

static void on_ended(GuardProcess *process, void *userdata)
{
        GuardController *controller = userdata;

        if (process == controller->former) {
                controller->former = NULL;
                ledger_read_soon(controller->ledger);
                return;
        }
        if (process != controller->process)
                return;
        log_error("the guard process ended unexpectedly; starting another one");
        controller->process = NULL;
        controller->is_ready = controller->gate_confirmed = false;
        controller->sweep_functions |= controller->orders.gate;
        ledger_read_later(controller->ledger);
}

/* --- the guard process as a service ----------------------------------------------------------- */

/*
 * Replaces the child by the service. No event is missed: the service listens before it reports that
 * it is ready.
 */
static void switch_to_service(GuardController *controller, const GuardReport *report)
{
        log_info("the guard process has %s", report->text);
        guard_process_free(controller->former);
        controller->former = controller->process;
        controller->process = TAKE_PTR(controller->service);
        if (controller->former)
                guard_process_retire(controller->former);
}

static void on_service_report(const GuardReport *report, void *userdata)
{
        GuardController *controller = userdata;

        if (report->kind == GUARD_REPORT_READY && controller->service)
                switch_to_service(controller, report);
        else if (report->kind == GUARD_REPORT_FAILED)
                log_warning("the guard process does not run as a service: %s", report->text);
        else
                on_report(report, userdata);
}

static void on_service_ended(GuardProcess *process, void *userdata)
{
        GuardController *controller = userdata;

        if (process != controller->service)
                return on_ended(process, userdata);
        controller->service = NULL;
        controller->helper_failed = true;
        log_error("the guard process did not start as a service (isolationd-watch@.service); it "
                  "stays a child of the daemon, without real-time priority");
}

/*
 * The child runs at once, but only a service gets real-time priority. So the controller starts the
 * child first and the service after it.
 */
static void start_service(GuardController *controller)
{
        const GuardProcessHandler handler = {
                .report = on_service_report, .ended = on_service_ended, .userdata = controller};

        if (controller->helper_failed)
                return;
        int r = guard_process_start_helper(controller->ledger->base, &controller->orders, &handler,
                                           &controller->service);
        if (r < 0 && r != -ENOENT)
                log_warning("the guard process does not run as a service: %s", strerror(-r));
}

/* --- start and retire ------------------------------------------------------------------------- */

/*
 * Makes the present guard process the former one, which stays until the next one is ready. One that
 * is not ready yet is freed.
 */
static void replace_process(GuardController *controller)
{
        if (!controller->process || !controller->is_ready) {
                controller->process = guard_process_free(controller->process);
                return;
        }
        if (controller->former) {
                /* It was about to end, and may have had reports to send. */
                controller->former = guard_process_free(controller->former);
                controller->sweep_overrides = true;
        }
        controller->former = TAKE_PTR(controller->process);
}

/* Starts a guard process with these orders, and takes over their places. */
static void start_process(GuardController *controller, GuardOrders *orders)
{
        const GuardProcessHandler handler = {
                .report = on_report, .ended = on_ended, .userdata = controller};
        GuardProcess *process;

        int r = guard_process_start(controller->ledger->base, orders, &handler, &process);
        if (r < 0) {
                log_error("the guard process could not be started: %s; retrying", strerror(-r));
                ledger_read_later(controller->ledger);
                return;
        }
        controller->service = guard_process_free(controller->service);
        replace_process(controller);
        controller->process = process;
        controller->is_ready = false;
        text_list_clear(&controller->orders.places);
        controller->orders = *orders;
        orders->places = (TextList){.items = NULL};
}

static void retire_process(GuardController *controller)
{
        controller->service = guard_process_free(controller->service);
        if (controller->former) {
                guard_process_retire(controller->former);
                controller->process = guard_process_free(controller->process);
        } else if (controller->process) {
                guard_process_retire(controller->process);
                controller->former = TAKE_PTR(controller->process);
        }
        controller->is_ready = false;
        text_list_clear(&controller->orders.places);
        controller->orders.gate = false;
}

/* --- the review ------------------------------------------------------------------------------- */

/*
 * Adds the places where functions that join the group appear; devices that are gone are left out.
 */
static int add_places(const Ledger *ledger, int32_t number, TextList *places)
{
        const Snapshot *snapshot = ledger->world->snapshot;
        _cleanup_(freep) size_t *ports = NULL;
        size_t n_ports = 0;

        int r = guard_find_ports(snapshot, number, &ports, &n_ports);
        for (size_t i = 0; (r == 0 || r == -ENOENT) && i < n_ports; i++)
                r = places_add_below(places, &ledger->host, snapshot->devices[ports[i]].bdf);
        for (size_t i = 0; (r == 0 || r == -ENOENT) && i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];

                if (device->kernel_group == number && !world_is_bridge(device) &&
                    !device->place.is_vf)
                        r = places_add_slot(places, &ledger->host, device->bdf);
        }
        return r == -ENOENT ? 0 : r;
}

/* Finds what a guard process has to do now. Returns 0 or -errno. */
static int find_orders(const GuardController *controller, GuardOrders *orders)
{
        const Ledger *ledger = controller->ledger;
        bool may_gate = controller_may_gate(controller->ledger), is_shut = controller->file && controller->file->gate_shut;

        for (size_t i = 0; i < ledger->n_leases; i++) {
                const Lease *lease = ledger->leases[i];

                if (!lease_record_is_in_hand(lease->record) || !guard_facts_of(lease, 0))
                        continue;
                for (size_t j = 0; j < lease->record->n_groups; j++) {
                        if (guard_is_firm(guard_facts_of(lease, j)))
                                continue;
                        int r = add_places(ledger, lease->record->groups[j].number,
                                           &orders->places);
                        if (r < 0)
                                return r;
                        /*
                         * A group that is just being sealed needs no gate; a gate that is shut
                         * stays shut.
                         */
                        orders->gate |= may_gate && (is_shut || !work_upkeep(lease)) &&
                                        guard_needs_gate(guard_facts_of(lease, j));
                }
        }
        return 0;
}

static void follow(GuardController *controller, GuardOrders *orders)
{
        bool same = controller->process && controller->orders.gate == orders->gate &&
                    places_equal(&controller->orders.places, &orders->places);
        int r = 0;

        if (orders->places.n_items == 0)
                return retire_process(controller);
        if (!same || (controller->file && controller->file->gate_shut))
                r = keep_file(controller, orders);
        if (r < 0) {
                log_error("the orders of the guard process could not be put on record: %s; "
                          "retrying",
                          strerror(-r));
                ledger_read_later(controller->ledger);
                return;
        }
        if (!same)
                start_process(controller, orders);
}

/* Removes the watch file once nothing is left to undo, for this daemon or the next one. */
static void remove_file(GuardController *controller)
{
        if (!controller->file || controller->file->gate_shut || controller->process || controller->former ||
            controller->worker || controller->n_strays > 0 || controller->sweep_overrides)
                return;
        int r = watchfile_remove(controller->ledger->state_directory);
        if (r < 0)
                log_broken(r);
        else
                controller->file = watchfile_free(controller->file);
}

void controller_review(Ledger *ledger)
{
        GuardController *controller = controller_of(ledger);
        GuardOrders orders = {.host = controller->ledger->host};

        if (!controller->file && controller->ledger->n_leases == 0)
                return;
        controller_settle_strays(controller);
        int r = find_orders(controller, &orders);
        if (r < 0) {
                log_broken(r);
                ledger_read_later(controller->ledger);
        } else {
                if (orders.gate)
                        controller_check_gate(controller, &orders);
                follow(controller, &orders);
                controller_sweep(controller, controller->file && controller->file->gate_shut && !orders.gate &&
                                    !controller->orders.gate);
                remove_file(controller);
        }
        limit_settling(controller);
        text_list_clear(&orders.places);
}

bool controller_resume(Ledger *ledger)
{
        GuardController *controller = controller_of(ledger);
        int r = watchfile_load(controller->ledger->state_directory, &controller->file);

        if (r < 0) {
                log_error("the watch file of the former guard process cannot be read: %s; all "
                          "functions are checked",
                          strerror(-r));
                controller->file = calloc(1, sizeof(*controller->file));
                if (!controller->file)
                        return false;
                controller->file->gate_shut = true;
                if (note_functions(controller, true) < 0)
                        log_broken(-ENOMEM);
        }
        if (!controller->file || !controller->file->gate_shut) {
                r = rules_remove_gate(RULES_DIRECTORY);
                if (r < 0)
                        log_error("the udev rules of the gate could not be removed: "
                                  "%s",
                                  strerror(-r));
        }
        if (!controller->file)
                return false;
        controller->sweep_overrides = true;
        controller->sweep_functions = controller->file->gate_shut;
        return true;
}
