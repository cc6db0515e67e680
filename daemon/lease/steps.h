/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The two transactions on the host: taking the groups of a lease, and restoring everything.
 *
 * Both run in a worker, from the record alone. Restoring is the only undo: after a failed take, for
 * a release, and when a daemon finds a half-done record. It compares before it writes, so it may
 * run at any point and twice.
 */

#include "daemon/host/host.h"
#include "daemon/host/vfio.h"
#include "daemon/lease/clean.h"
#include "daemon/base/texts.h"
#include "daemon/lease/record.h"

/*
 * Exchanges the drivers of all taken members and claims the groups. Returns 0 with the fds, or a
 * Refusal or -errno with the host restored (*ret_message says why; REFUSAL_QUARANTINED: restoring
 * failed too).
 */
_nodiscard_ int lease_steps_take(const HostPaths *host, const LeaseRecord *record, VfioFds *ret_fds,
                                 char **ret_message);

/* Adds the steps of lease_steps_take() in order, one line each, without changing anything. Returns
 * 0 or -ENOMEM. */
_nodiscard_ int lease_steps_describe(const LeaseRecord *record, TextList *texts);

/* Adds a line, taken over; NULL is a failed allocation, an empty one nothing. Returns 0 or -ENOMEM.
 */
_nodiscard_ int lease_step_texts_add(TextList *texts, char *text);

/*
 * Cleans every device of the record (lease/clean.h) and restores its override and driver; joiners
 * get the driver that the host has for them. Goes on after a failure. Skips devices that are gone;
 * unfit devices stay without a driver. Returns 0, or the first Refusal with *ret_message, or
 * -errno.
 */
_nodiscard_ int lease_steps_restore(const HostPaths *host, const LeaseRecord *record,
                                    Cleaning *cleaning, char **ret_message);
