/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The two transactions on the host: taking a lease's groups, and putting everything back.
 *
 * Both run in a worker, from the record alone. Restoring is the only undo there is: a failed take
 * calls it, a release calls it, a daemon that finds a half-done record calls it. It compares before
 * it writes, so that it may run at any point and twice.
 */

#include "daemon/host/host.h"
#include "daemon/host/vfio.h"
#include "daemon/lease/clean.h"
#include "daemon/lease/record.h"

/*
 * Exchanges the drivers of all taken members and claims the groups. Returns 0 with the fds, or a
 * Refusal or -errno with the host as it was (*ret_message says why; if putting back failed too, the
 * refusal is REFUSAL_QUARANTINED).
 */
_nodiscard_ int lease_steps_take(const HostPaths *host, const LeaseRecord *record, VfioFds *ret_fds,
                                 char **ret_message);

/* What a take does, in its order, a line each. */
typedef struct LeaseStepTexts {
        char **items;
        size_t n_items;
} LeaseStepTexts;

/* Adds the steps of lease_steps_take(), which touches nothing. Returns 0 or -ENOMEM. */
_nodiscard_ int lease_steps_describe(const LeaseRecord *record, LeaseStepTexts *texts);

/* Adds a line, taken over; NULL is a failed allocation, an empty one nothing. Returns 0 or -ENOMEM.
 */
_nodiscard_ int lease_step_texts_add(LeaseStepTexts *texts, char *text);

/* Frees the lines. */
void lease_step_texts_clear(LeaseStepTexts *texts);

/*
 * Cleans every device of the record (lease/clean.h) and puts it back: override and driver as
 * before; joiners get the driver the host has for them. Goes on after a failure; returns 0, or the first Refusal with *ret_message, or
 * -errno. Devices that are gone are skipped; what is unfit stays without a driver.
 */
_nodiscard_ int lease_steps_restore(const HostPaths *host, const LeaseRecord *record,
                                    Cleaning *cleaning, char **ret_message);
