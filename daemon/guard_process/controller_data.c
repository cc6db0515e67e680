/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The data that the files of the controller share. */

#include <stdlib.h>

#include "daemon/base/event.h"
#include "daemon/guard_process/controller.h"
#include "daemon/guard_process/controller_internal.h"

static int init(Ledger *ledger, void *data)
{
        ((GuardController *)data)->ledger = ledger;
        return 0;
}

/* Freeing a guard process makes it end. */
static void clear(void *data)
{
        GuardController *controller = data;

        event_freep(&controller->late_event);
        worker_free(controller->worker);
        guard_process_free(controller->process);
        guard_process_free(controller->former);
        guard_process_free(controller->service);
        text_list_clear(&controller->orders.places);
        watchfile_free(controller->file);
        free(controller->strays);
}

const Module controller_module = {
        .name = "guard process", .size = sizeof(GuardController), .init = init, .clear = clear};

GuardController *controller_of(const Ledger *ledger)
{
        return module_data(ledger, &controller_module);
}
