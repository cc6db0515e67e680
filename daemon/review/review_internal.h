/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of the review share. */

#include "daemon/review/review.h"

/* loss.c: marks a device of a lease as lost; the loss is reported once its cause is known. */
void loss_mark(LeaseDevice *device);

/* loss.c: reports a lost device that was not reported yet, with the cause known so far. */
void loss_report(Lease *lease, LeaseDevice *device);

/* loss.c: reports losses with known causes, and events at PFs of leased VFs. */
void loss_report_all(Lease *lease);

/* recreate.c: whether lease_review_vfs() will take back a lost device that is there again. */
bool recreate_awaits(const Lease *lease, Bdf bdf);

/*
 * breach.c: records and reports that a host driver was or is bound to a joiner. The caller saves
 * the record. Returns 0 or -ENOMEM.
 */
_nodiscard_ int lease_note_breach(Lease *lease, LeaseDevice *device, const char *driver);

/*
 * member.c: starts the pending task for a joiner, if there is one and the worker of the upkeep is
 * idle. Returns whether that worker is at work now.
 */
bool members_serve(Lease *lease);
