/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files of the review share. */

#include "daemon/review/review.h"

/* loss.c: marks a device of a lease as gone; it is told once it is known why. */
void loss_mark(LeaseDevice *device);

/* loss.c: tells of a lost device of which nobody has been told yet, with what is known. */
void loss_tell(Lease *lease, LeaseDevice *device);

/* loss.c: tells of the losses whose causes are known, and of what happens to PFs of leased VFs. */
void loss_tell_all(Lease *lease);

/* recreate.c: whether a lost device that is there again is for lease_review_vfs() to take back. */
bool recreate_awaits(const Lease *lease, Bdf bdf);

/*
 * breach.c: puts on record, and tells, that a host driver had or has a joiner. Saved with the record's
 * next saving. Returns 0 or -ENOMEM.
 */
_nodiscard_ int lease_note_breach(Lease *lease, LeaseDevice *device, const char *driver);

/*
 * member.c: with the upkeep's worker idle, begins what is to be done about a joiner, if anything is.
 * Returns whether that worker is at work now.
 */
bool members_serve(Lease *lease);
