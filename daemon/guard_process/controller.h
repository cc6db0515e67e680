/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The controller of the guard process (daemon/guard/guard_process.h): whether there has to be one,
 * its orders, and what follows from its reports.
 *
 * There is a guard process while a group is leased that the kernel does not guard by itself. The
 * watch file says so before the first order is given. This daemon, or the next one, removes the
 * file when everything is undone.
 */

#include "daemon/ledger/ledger.h"

extern const Module controller_module;

/* Reads what the former daemon left; call it once. Returns whether there is something to review. */
bool controller_resume(Ledger *ledger);

/* Writes the watch file again, if there is to be one, as somebody may have removed it. */
void controller_save(const Ledger *ledger);

/*
 * Makes the guard process, its orders and the gate match what the leases need, as of the last
 * reading.
 */
void controller_review(Ledger *ledger);

/* Whether the kernel binds no driver to new functions by itself, as read now. */
bool controller_gate_holds(const Ledger *ledger);

/* Whether the gate could be shut for a group that needs it, as far as is known. */
bool controller_may_gate(const Ledger *ledger);

/*
 * Whether a guard process is starting or the gate is being opened: until then the guard may still
 * change. This lasts no longer than a worker may take.
 */
bool controller_is_settling(const Ledger *ledger);

/*
 * What shows that this kernel obeys the gate, in words, or NULL if memory is short. Freed by the
 * caller.
 */
char *controller_gate_evidence(const Ledger *ledger);
