/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* First closes the ways for joiners, then blocks the joiners that are in the group. */

#include <errno.h>
#include <stdio.h>

#include "core/model/text.h"
#include "daemon/guard/console.h"
#include "daemon/guard/enforce.h"
#include "daemon/guard/expel.h"
#include "daemon/guard/seal.h"
#include "daemon/host/block.h"
#include "daemon/lease/joiner.h"

/* The result of several steps. */
typedef struct Outcome {
        int code;
        char *message;
        char *evicted; /* lines, or NULL */
} Outcome;

static void outcome_deinitp(Outcome *outcome)
{
        free(outcome->message);
        free(outcome->evicted);
}

static void outcome_add_evicted(Outcome *outcome, Bdf bdf, const char *driver)
{
        char text[BDF_TEXT_SIZE];

        if (!text_set(&outcome->evicted, text_print("%s" GUARD_EVICTED "%s %s\n",
                                                    outcome->evicted ? outcome->evicted : "",
                                                    bdf_format(bdf, text), driver)) &&
            outcome->code == 0)
                outcome->code = -ENOMEM;
}

static int outcome_end(Outcome *outcome, char **ret_message)
{
        *ret_message = text_print("%s%s", outcome->evicted ? outcome->evicted : "",
                                  outcome->message ? outcome->message : "");
        return *ret_message || outcome->code != 0 ? outcome->code : -ENOMEM;
}

int guard_enforce(const HostPaths *host, const LeaseRecord *record, char **ret_message)
{
        _cleanup_(outcome_deinitp) Outcome outcome = {.code = 0};

        for (size_t i = 0; i < record->n_changes; i++) {
                const LeaseChange *change = &record->changes[i];
                _cleanup_(freep) char *message = NULL;
                int r = 0;

                /* A joiner to be expelled has a transaction of its own. */
                if (console_is_change(change))
                        r = console_switch(host, change, false, &message);
                else if (change->kind != LEASE_CHANGE_EXPEL)
                        r = seal_switch(host, change, false, &message);
                host_keep_first(r, &message, &outcome.code, &outcome.message);
        }
        for (size_t i = 0; i < record->n_devices; i++) {
                const LeaseDevice *device = &record->devices[i];
                _cleanup_(freep) char *message = NULL, *evicted = NULL;

                if (device->role != LEASE_ROLE_JOINER || device->lost)
                        continue;
                int r = device->taking ? joiner_untake(host, device, &message) : 0;
                if (r == 0)
                        r = block_device(host, device->bdf, device->owed ? device->driver : NULL,
                                         &evicted, &message);
                if (evicted)
                        outcome_add_evicted(&outcome, device->bdf, evicted);
                host_keep_first(r, &message, &outcome.code, &outcome.message);
        }
        return outcome_end(&outcome, ret_message);
}

int guard_undo(const HostPaths *host, const LeaseRecord *record, size_t first, char **ret_message)
{
        _cleanup_(outcome_deinitp) Outcome outcome = {.code = 0};

        for (size_t i = record->n_changes; i > first; i--) {
                const LeaseChange *change = &record->changes[i - 1];
                _cleanup_(freep) char *message = NULL;
                int r;

                if (change->kind == LEASE_CHANGE_EXPEL)
                        r = expel_undo(host, change->place, &message);
                else if (console_is_change(change))
                        r = console_switch(host, change, true, &message);
                else
                        r = seal_switch(host, change, true, &message);
                host_keep_first(r, &message, &outcome.code, &outcome.message);
        }
        return outcome_end(&outcome, ret_message);
}
