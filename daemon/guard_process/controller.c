/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A sentinel's orders are fixed when it starts; other orders are another sentinel, which takes over
 * before the first one goes. What has to be undone, a worker undoes.
 */

#include "daemon/guard_process/controller.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/facts/guard_facts.h"
#include "daemon/guard/rules.h"
#include "daemon/guard_process/controller_internal.h"
#include "daemon/work/work.h"

/* --- on the way to what was ordered ----------------------------------------------------------- */

/* While the gate is being opened nobody shuts it, who may have to: the next review tells. */
static bool is_on_its_way(const GuardController *controller)
{
        return (controller->process && !controller->is_ready) || (controller->worker && controller->sweep.open_gate);
}

bool controller_is_settling(const Ledger *ledger)
{
        const GuardController *controller = controller_of(ledger);

        return is_on_its_way(controller) && !controller->is_late;
}

static void on_late(evutil_socket_t fd, short what, void *userdata)
{
        GuardController *controller = userdata;

        controller->is_late = true;
        log_error("the sentinel or the gate is not ready after %u s: until it is, leases are "
                  "answered with the guard that they have",
                  controller->ledger->times.worker);
        ledger_read_soon(controller->ledger);
}

/* Whoever waits for a lease hears of its guard in the end, whatever it has become. */
static void limit_settling(GuardController *controller)
{
        const struct timeval limit = {.tv_sec = controller->ledger->times.worker};

        if (!controller->late_event)
                controller->late_event =
                        evtimer_new(controller->ledger->base, on_late, controller);
        if (!controller->late_event) {
                controller->is_late = true; /* its end would not be reported */
                return;
        }
        if (is_on_its_way(controller)) {
                if (!controller->is_late && !evtimer_pending(controller->late_event, NULL) &&
                    evtimer_add(controller->late_event, &limit) < 0)
                        controller->is_late = true; /* nobody would hear the end of it */
                return;
        }
        (void)evtimer_del(controller->late_event);
        controller->is_late = false;
}

/* --- orders on record ------------------------------------------------------------------------ */

/* What need not be let in is noted before the gate is shut, and while it is. Returns 0 or -errno. */
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

                if (!all && !snapshot->devices[i].driver[0])
                        continue;
                r = watchfile_find_function(&controller->ledger->host, snapshot->devices[i].bdf,
                                            &function);
                if (r == 0)
                        r = watchfile_add(file, &function);
                else if (r == -ENOENT)
                        r = 0; /* the next reading knows */
        }
        return r;
}

/* Puts on record that there is a sentinel, and whether it shuts the gate. Returns 0 or -errno. */
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
        places_clear(&controller->file->places);
        for (size_t i = 0; r == 0 && i < orders->places.n_texts; i++)
                r = places_add(&controller->file->places, orders->places.texts[i]);
        if (r < 0)
                return r;
        controller->file->gate_shut |= gate;
        if (shuts)
                r = rules_write_gate(RULES_DIRECTORY);
        if (r < 0)
                log_error("the udev rules of the gate could not be written: %s", strerror(-r));
        r = watchfile_save(controller->ledger->state_directory, controller->file);
        if (r < 0 && shuts)
                controller->file->gate_shut = false; /* what is not on record is not done */
        return r;
}

static void have_better(GuardController *controller);

/* --- the sentinel ----------------------------------------------------------------------------- */

static void on_blocked(GuardController *controller, const GuardReport *report)
{
        /* Whoever has opened it, or is about to, is no evidence against the kernel. */
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
        log_error("drivers_autoprobe is 0, and this kernel (%s) bound %s to %s all the same: the "
                  "gate is given up",
                  controller->ledger->world->snapshot->kernel_release, text, report->text);
}

static void on_ready(GuardController *controller, const GuardReport *report)
{
        log_info("the sentinel watches %zu places (%s)%s", controller->orders.places.n_texts,
                 report->text, controller->orders.gate ? "; the gate is shut" : "");
        controller->is_ready = true;
        controller->gate_confirmed = controller->orders.gate;
        if (controller->former)
                guard_process_retire(controller->former);
        have_better(controller);
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
                log_error("there is no sentinel%s: %s", controller->orders.gate ? " at the gate" : "",
                          report->text);
                /* Better one without a gate than none. */
                controller->gate_failed |= controller->orders.gate;
                return; /* its end is told of */
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
                log_warning("the sentinel missed events of the kernel, or could not tell of them");
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
        log_error("the sentinel has ended; another one is started");
        controller->process = NULL;
        controller->is_ready = controller->gate_confirmed = false;
        controller->sweep_functions |= controller->orders.gate;
        ledger_read_later(controller->ledger);
}

/* --- the same by an aide ---------------------------------------------------------------------- */

/* What the child saw of the orders' time, the aide has seen too: it listens before it is ready. */
static void take_over(GuardController *controller, const GuardReport *report)
{
        log_info("the sentinel has %s", report->text);
        guard_process_free(controller->former);
        controller->former = controller->process;
        controller->process = TAKE_PTR(controller->better);
        if (controller->former)
                guard_process_retire(controller->former);
}

static void on_aides_report(const GuardReport *report, void *userdata)
{
        GuardController *controller = userdata;

        if (report->kind == GUARD_REPORT_READY && controller->better)
                take_over(controller, report);
        else if (report->kind == GUARD_REPORT_FAILED)
                log_warning("no sentinel as a service: %s", report->text);
        else
                on_report(report, userdata);
}

static void on_aide_ended(GuardProcess *process, void *userdata)
{
        GuardController *controller = userdata;

        if (process != controller->better)
                return on_ended(process, userdata);
        controller->better = NULL;
        controller->helper_failed = true;
        log_error("the sentinel did not come up as a service (isolationd-watch@.service): it stays a "
                  "child of the daemon's, without priority");
}

/* A child is there at once, a service has the priority: first the one, then the other. */
static void have_better(GuardController *controller)
{
        const GuardProcessHandler handler = {
                .report = on_aides_report, .ended = on_aide_ended, .userdata = controller};

        if (controller->helper_failed)
                return;
        int r = guard_process_start_helper(controller->ledger->base, &controller->orders, &handler, &controller->better);
        if (r < 0 && r != -ENOENT)
                log_warning("no sentinel as a service: %s", strerror(-r));
}

/* --- who is on duty --------------------------------------------------------------------------- */

/* Whoever is on duty stays until the next one is ready; who is not yet, need not be any more. */
static void make_way(GuardController *controller)
{
        if (!controller->process || !controller->is_ready) {
                controller->process = guard_process_free(controller->process);
                return;
        }
        if (controller->former) {
                /* It was about to end, and might have had something to tell. */
                controller->former = guard_process_free(controller->former);
                controller->sweep_overrides = true;
        }
        controller->former = TAKE_PTR(controller->process);
}

/* Starts one with these orders, whose places are taken over. */
static void man(GuardController *controller, GuardOrders *orders)
{
        const GuardProcessHandler handler = {
                .report = on_report, .ended = on_ended, .userdata = controller};
        GuardProcess *process;

        int r = guard_process_start(controller->ledger->base, orders, &handler, &process);
        if (r < 0) {
                log_error("no sentinel could be started: %s", strerror(-r));
                ledger_read_later(controller->ledger);
                return;
        }
        controller->better = guard_process_free(controller->better);
        make_way(controller);
        controller->process = process;
        controller->is_ready = false;
        places_clear(&controller->orders.places);
        controller->orders = *orders;
        orders->places = (Places){.texts = NULL};
}

static void dismiss(GuardController *controller)
{
        controller->better = guard_process_free(controller->better);
        if (controller->former) {
                guard_process_retire(controller->former);
                controller->process = guard_process_free(controller->process);
        } else if (controller->process) {
                guard_process_retire(controller->process);
                controller->former = TAKE_PTR(controller->process);
        }
        controller->is_ready = false;
        places_clear(&controller->orders.places);
        controller->orders.gate = false;
}

/* --- the review ------------------------------------------------------------------------------- */

/* Where functions that join the group appear; what is gone by now is left out. */
static int add_places(const Ledger *ledger, int32_t number, Places *places)
{
        const Snapshot *snapshot = ledger->world->snapshot;
        _cleanup_(freep) size_t *ports = NULL;
        size_t n_ports = 0;

        int r = guard_find_ports(snapshot, number, &ports, &n_ports);
        for (size_t i = 0; (r == 0 || r == -ENOENT) && i < n_ports; i++)
                r = places_add_below(places, &ledger->host, snapshot->devices[ports[i]].bdf);
        for (size_t i = 0; (r == 0 || r == -ENOENT) && i < snapshot->n_devices; i++) {
                const PciDevice *device = &snapshot->devices[i];

                if (device->kernel_group == number && !world_is_bridge(device) && !device->is_vf)
                        r = places_add_slot(places, &ledger->host, device->bdf);
        }
        return r == -ENOENT ? 0 : r;
}

/* What a sentinel would have to do now. Returns 0 or -errno. */
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
                        /* What is just being sealed needs none; one that is shut stays so. */
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

        if (orders->places.n_texts == 0)
                return dismiss(controller);
        if (!same || (controller->file && controller->file->gate_shut))
                r = keep_file(controller, orders);
        if (r < 0) {
                log_error("what the sentinel is to do could not be put on record: %s",
                          strerror(-r));
                ledger_read_later(controller->ledger);
                return;
        }
        if (!same)
                man(controller, orders);
}

/* Nothing is left to do, for us or for another daemon. */
static void leave(GuardController *controller)
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
                leave(controller);
        }
        limit_settling(controller);
        places_clear(&orders.places);
}

bool controller_resume(Ledger *ledger)
{
        GuardController *controller = controller_of(ledger);
        int r = watchfile_load(controller->ledger->state_directory, &controller->file);

        if (r < 0) {
                log_error("what the last sentinel did is not known: %s", strerror(-r));
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
                        log_error("the udev rules of the gate stay: %s", strerror(-r));
        }
        if (!controller->file)
                return false;
        controller->sweep_overrides = true;
        controller->sweep_functions = controller->file->gate_shut;
        return true;
}
