/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A fact that may be unknown.
 *
 * Facts about hardware may be unavailable: configuration space beyond the header needs privilege,
 * a dump may lack a field, a device may be gone. The zero value is UNKNOWN, so that an unset fact
 * never looks like proof. The rule of the model: UNKNOWN never separates devices.
 */

#include <stdbool.h>

/* One byte: a big machine has a million of them. */
typedef enum __attribute__((packed)) Tristate {
        TRISTATE_UNKNOWN = 0,
        TRISTATE_NO = 1,
        TRISTATE_YES = 2,
} Tristate;

static inline Tristate tristate_from_bool(bool value)
{
        return value ? TRISTATE_YES : TRISTATE_NO;
}

/* "yes", "no", "unknown". */
static inline const char *tristate_to_string(Tristate value)
{
        switch (value) {
        case TRISTATE_YES:
                return "yes";
        case TRISTATE_NO:
                return "no";
        case TRISTATE_UNKNOWN:
                break;
        }
        return "unknown";
}
