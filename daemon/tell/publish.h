/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the outside has been told, so that only changes are told.
 *
 * After every reading and every step of a lease the visible state is put into words and compared with
 * the words of the last time. The observer is told the difference.
 */

#include "daemon/ledger/ledger.h"

extern const Module publish_module;
extern const Module publish_events_module; /* publishes whenever a lease has changed */

/*
 * Tells the observer what differs from the last call; nothing while publishing is paused, and then
 * with the next call. Returns 0 or -ENOMEM (nothing told).
 */
_nodiscard_ int publish_changes(Ledger *ledger);

/* Until publish_resume() nothing is told of devices and groups: more changes follow at once. */
void publish_pause(Ledger *ledger);
void publish_resume(Ledger *ledger);
