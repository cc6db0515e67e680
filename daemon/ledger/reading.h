/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Who wants the machine read again, and when.
 *
 * Modules ask for a reading: now, soon, or later. How the machine is read and what follows is not
 * known here: the reconciler at the top sets that once (reading_set_reader()).
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>

#include "core/model/base.h"

typedef struct Ledger Ledger;
typedef struct Reading Reading;
struct event_base;

typedef struct Reader {
        /* Reads the machine, and lets each module look at it. Returns 0 or -errno. */
        int (*read)(Ledger *ledger);
        /* How long a burst of events is collected before it is read, in microseconds. */
        suseconds_t (*delay)(const Ledger *ledger);
} Reader;

/* Returns 0 and *ret, or -ENOMEM. */
_nodiscard_ int reading_new(Ledger *ledger, struct event_base *base, Reading **ret_reading);

Reading *reading_free(Reading *reading);
DEFINE_CLEANUP(Reading *, reading_free);

/* `reader` must last. Without one nothing is read. */
void reading_set_reader(Reading *reading, const Reader *reader);

/* Whether a reading is asked for that has not been done. */
bool reading_is_due(const Reading *reading);

/* Something may have changed: read the machine soon. Cheap; many calls make one reading. */
void ledger_read_soon(Ledger *ledger);

/* The same at once, in a turn of the loop of its own. */
void ledger_read_next(Ledger *ledger);

/* A lease has ended: read the machine in 50 ms unless somebody asks sooner. */
void ledger_read_after_lease(Ledger *ledger);

/* The same for a uevent (daemon/machine/uevents.h), unless the world in force knows of it. */
void ledger_hear_uevent(Ledger *ledger, uint64_t number);

/* Something failed that may succeed later: read the machine in a second. */
void ledger_read_later(Ledger *ledger);

/* Reads the machine now and acts on it. Returns 0 or -errno (the old world stays). */
_nodiscard_ int ledger_read_now(Ledger *ledger);

/* The same; if it fails, that is logged, and the machine is read soon. */
void ledger_read_again(Ledger *ledger);
