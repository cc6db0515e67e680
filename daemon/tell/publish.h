/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reports changes of devices and groups to the observer.
 *
 * After every reading, and every step of a lease, the visible state is written as text and compared
 * with the text of the last time. The observer is told the difference.
 */

#include "daemon/ledger/ledger.h"

extern const Module publish_module;
extern const Module publish_events_module; /* publishes whenever a lease has changed */

/*
 * Tells the observer what differs from the last call. While publishing is paused, the next call
 * after that does it. Returns 0, or -ENOMEM with nothing told.
 */
_nodiscard_ int publish_changes(Ledger *ledger);

/*
 * Until publish_resume() no changes of devices and groups are told, as more changes follow at once.
 */
void publish_pause(Ledger *ledger);
void publish_resume(Ledger *ledger);
