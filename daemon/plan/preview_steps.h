/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What an acquire would do to the host, one line for each step, in order: give parked groups back,
 * udev rules, modules, consoles, seals, drivers, claims, and permissions of nodes.
 */

#include "daemon/lease/steps.h"
#include "daemon/plan/plan.h"

/* Adds the parked leases that are given back first. Returns 0 or -ENOMEM. */
_nodiscard_ int preview_yield(const Plan *plan, TextList *texts);

/* Adds what the event loop does first: the udev rules of the plan's lease. Returns 0 or -ENOMEM. */
_nodiscard_ int preview_rules(const Plan *plan, const LeaseRecord *record, TextList *texts);

/*
 * Adds the steps of the worker, from a record that has its drivers and consoles by now. Reads the
 * host, and may block: for workers. Returns 0 or -errno.
 */
_nodiscard_ int preview_take(const HostPaths *host, const LeaseRecord *record, TextList *texts);

/*
 * Adds the last steps, those of the guard process, if the guard comes to that layer. Returns 0 or
 * -ENOMEM.
 */
_nodiscard_ int preview_gate(GuardLayer layer, TextList *texts);
