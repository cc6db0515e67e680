/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The gate: whether it is shut, whether this kernel obeys it, and whether somebody else uses it. */

#include <stdio.h>

#include "core/model/text.h"
#include "daemon/base/log.h"
#include "daemon/guard/gate.h"
#include "daemon/guard_process/controller.h"
#include "daemon/guard_process/controller_internal.h"

/* The first kernel that obeys the gate for new functions (kernel-facts 0.6). */
#define GATE_KERNEL_MAJOR 6
#define GATE_KERNEL_MINOR 19

bool controller_gate_holds(const Ledger *ledger)
{
        const GuardController *controller = controller_of(ledger);
        bool open = true;

        return controller->gate_confirmed && !controller->gate_failed &&
               gate_read(&controller->ledger->host, &open) == 0 && !open;
}

char *controller_gate_evidence(const Ledger *ledger)
{
        const GuardController *controller = controller_of(ledger);
        const char *release = controller->ledger->world->snapshot->kernel_release;

        if (controller->n_heeded > 0)
                return text_print(
                        "Linux %s obeys drivers_autoprobe for new functions, as seen with %u",
                        release, controller->n_heeded);
        return text_print(
                "Linux %s obeys drivers_autoprobe for new functions by its version (%d.%d)",
                release, GATE_KERNEL_MAJOR, GATE_KERNEL_MINOR);
}

static bool kernel_heeds_gate(const Ledger *ledger)
{
        return world_kernel_at_least(ledger->world->snapshot->kernel_release, GATE_KERNEL_MAJOR,
                                     GATE_KERNEL_MINOR);
}

bool controller_may_gate(const Ledger *ledger)
{
        const GuardController *controller = controller_of(ledger);
        return kernel_heeds_gate(controller->ledger) && !controller->gate_failed;
}

/*
 * If somebody else shuts the gate before the daemon does, it stays shut. If somebody opens it after
 * that, it stays open.
 */
void controller_check_gate(GuardController *controller, GuardOrders *orders)
{
        bool open = true;

        if (gate_read(&controller->ledger->host, &open) < 0)
                orders->gate = false;
        if (!(controller->file && controller->file->gate_shut) && !open)
                orders->gate = false;
        if (controller->gate_confirmed && controller->is_ready && open && !controller->worker) {
                log_error("somebody has set drivers_autoprobe to 1; the gate is no longer used");
                controller->gate_failed = true;
                orders->gate = false;
        }
        if (controller->worker && controller->sweep.open_gate)
                orders->gate =
                        false; /* the gate is being opened; it may be shut again after that */
}
