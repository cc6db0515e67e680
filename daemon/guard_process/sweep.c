/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One worker runs at a time. New work waits for it, and failed work is retried. */

#include <string.h>

#include "daemon/base/array.h"
#include "daemon/base/log.h"
#include "daemon/guard/rules.h"
#include "daemon/guard_process/controller.h"
#include "daemon/guard_process/controller_internal.h"

/* The most functions for which it is not yet known whether a lease needs them blocked. */
#define STRAYS_MAX 4096

void controller_add_stray(GuardController *controller, Bdf bdf)
{
        if (controller->n_strays >= STRAYS_MAX ||
            !ARRAY_GROW(controller->strays, controller->n_strays)) {
                controller->sweep_overrides = true; /* check all functions instead */
                return;
        }
        controller->strays[controller->n_strays++] = bdf;
}

/*
 * Lists the kernel's numbers of all leased groups. Returns 0 and *ret_groups (freed by the caller),
 * or -ENOMEM.
 */
static int list_groups(const Ledger *ledger, int32_t **ret_groups, size_t *ret_n)
{
        size_t n = 0;

        for (size_t i = 0; i < ledger->n_leases; i++)
                n += ledger->leases[i]->record->n_groups;
        int32_t *groups = calloc(n + 1, sizeof(*groups));
        if (!groups)
                return -ENOMEM;
        n = 0;
        for (size_t i = 0; i < ledger->n_leases; i++)
                for (size_t j = 0; j < ledger->leases[i]->record->n_groups; j++)
                        groups[n++] = ledger->leases[i]->record->groups[j].number;
        *ret_groups = groups;
        *ret_n = n;
        return 0;
}

static int job_sweep(const void *context, VfioFds *fds, char **ret_message)
{
        const GuardController *controller = context;

        return sweep_run(&controller->ledger->host, &controller->sweep, ret_message);
}

static void on_swept(WorkerResult *result, void *userdata)
{
        GuardController *controller = userdata;
        bool opened = controller->sweep.open_gate;

        controller->worker = NULL;
        if (result->code != 0) {
                log_error("undoing the work of the guard process failed: %s; retrying",
                          result->message[0] ? result->message : strerror(abs(result->code)));
                controller->sweep_overrides |= controller->sweep.every_override;
                controller->sweep_functions |= controller->sweep.former && !opened;
                ledger_read_later(controller->ledger);
                return;
        }
        controller->n_strays -= controller->sweep.n_strays;
        controller->n_loose = 0;
        for (size_t i = 0; i < controller->n_strays; i++)
                controller->strays[i] = controller->strays[i + controller->sweep.n_strays];
        if (opened) {
                log_info("the gate is open");
                controller->file->gate_shut = controller->gate_confirmed = false;
                controller->file->n_known = 0;
                int r = watchfile_save(controller->ledger->state_directory, controller->file);
                if (r < 0)
                        log_broken(r);
                r = rules_remove_gate(RULES_DIRECTORY);
                if (r < 0)
                        log_broken(r);
        }
        ledger_read_soon(controller->ledger);
}

static void on_overdue(void *userdata)
{
        log_error("undoing the work of the guard process has taken more than %d s; see the kernel "
                  "log",
                  WORKER_DEADLINE_SECONDS);
}

void controller_sweep(GuardController *controller, bool open_gate)
{
        const WorkerHandler handler = {.done = on_swept, .overdue = on_overdue, .userdata = controller};
        _cleanup_(freep) int32_t *groups = NULL;
        bool functions = controller->file && controller->file->gate_shut &&
                         (open_gate || controller->sweep_functions);

        if (controller->worker ||
            (!open_gate && !controller->sweep_overrides && !functions && controller->n_loose == 0))
                return;
        controller->sweep = (Sweep){
                .open_gate = open_gate,
                .every_override = controller->sweep_overrides,
                .strays = controller->strays,
                .n_strays = controller->n_loose,
                .former = functions ? controller->file : NULL,
        };
        int r = list_groups(controller->ledger, &groups, &controller->sweep.n_groups);
        controller->sweep.groups = groups; /* for the worker, which has its own copy */
        if (r == 0)
                r = worker_start(controller->ledger->base, job_sweep, controller, NULL,
                                 WORKER_DEADLINE_SECONDS, &handler, &controller->worker);
        controller->sweep.groups = NULL;
        if (r < 0) {
                log_broken(r);
                ledger_read_later(controller->ledger);
                return;
        }
        controller->sweep_overrides = controller->sweep_functions = false;
}

void controller_settle_strays(GuardController *controller)
{
        const Ledger *ledger = controller->ledger;
        size_t n_loose = 0, n_bound = 0;

        if (controller->worker)
                return;
        _cleanup_(freep) Bdf *bound = calloc(controller->n_strays + 1, sizeof(*bound));
        if (!bound)
                return; /* the next reading retries */
        for (size_t i = 0; i < controller->n_strays; i++) {
                size_t index = snapshot_find(ledger->world->snapshot, controller->strays[i]);
                const Lease *lease =
                        index == SNAPSHOT_NONE ? NULL : ledger_lease_of_device(ledger, index);

                if (index == SNAPSHOT_NONE || (lease && lease_record_is_in_hand(lease->record)))
                        continue;
                if (lease)
                        bound[n_bound++] = controller->strays[i];
                else
                        controller->strays[n_loose++] = controller->strays[i];
        }
        for (size_t i = 0; i < n_bound; i++)
                controller->strays[n_loose + i] = bound[i];
        controller->n_strays = n_loose + n_bound;
        controller->n_loose = n_loose;
}

void controller_save(const Ledger *ledger)
{
        const GuardController *controller = controller_of(ledger);
        int r = controller->file ? watchfile_save(controller->ledger->state_directory, controller->file) : 0;

        if (r < 0)
                log_error("the watch file could not be written, so the orders of the guard process "
                          "are not on record: %s",
                          strerror(-r));
}
