/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Expected refusals, shared by all programs.
 *
 * A refusal is a D-Bus error `org.isolationd1.Error.NAME` on the wire and an exit code at the
 * shell. The daemon, the library and isoctl read the same table.
 */

#include "core/model/base.h"

typedef enum Refusal {
        _REFUSAL_NONE = 0,
        REFUSAL_NOT_FOUND,
        REFUSAL_BUSY,
        REFUSAL_NOT_VIABLE,
        REFUSAL_CRITICAL,
        REFUSAL_POLICY_DENIED,
        REFUSAL_NOT_AUTHORIZED,
        REFUSAL_TOO_WEAK,
        REFUSAL_CHANGED,
        REFUSAL_STUCK,
        REFUSAL_QUOTA,
        REFUSAL_INVALID,
        REFUSAL_UNSUPPORTED,
        REFUSAL_KERNEL_REFUSED,
        REFUSAL_QUARANTINED,
        REFUSAL_NO_DAEMON, /* never sent: the client could not reach the daemon */
        _REFUSAL_N,
} Refusal;

#define REFUSAL_BUS_PREFIX "org.isolationd1.Error."

/* "NotViable" for REFUSAL_NOT_VIABLE; "" for values outside the enum. */
const char *refusal_to_string(Refusal refusal);

/* The refusal of that name, or _REFUSAL_NONE. */
Refusal refusal_from_string(const char *name);

/* isoctl's exit code; 1 for values outside the enum. */
int refusal_exit_code(Refusal refusal);
