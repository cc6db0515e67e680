/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Requests to read the machine again.
 *
 * Modules ask for a reading: now, soon, or later. The reconciler at the top sets once how the
 * machine is read and what follows (reading_set_reader()).
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

/* Whether a reading is scheduled and not yet done. */
bool reading_is_due(const Reading *reading);

/* Something may have changed: read the machine soon. Cheap; many calls make one reading. */
void ledger_read_soon(Ledger *ledger);

/* As ledger_read_soon(), but in the next turn of the loop. */
void ledger_read_next(Ledger *ledger);

/* A lease has ended: read the machine in 50 ms unless a reading is due sooner. */
void ledger_read_after_lease(Ledger *ledger);

/* As ledger_read_soon(), for a uevent (daemon/machine/uevents.h) that is newer than the world. */
void ledger_hear_uevent(Ledger *ledger, uint64_t number);

/* Something failed that may succeed later: read the machine in a second. */
void ledger_read_later(Ledger *ledger);

/* Reads the machine now and acts on it. Returns 0 or -errno (the old world stays). */
_nodiscard_ int ledger_read_now(Ledger *ledger);

/* As ledger_read_now(). A failure is logged, and the machine is read again soon. */
void ledger_read_again(Ledger *ledger);
