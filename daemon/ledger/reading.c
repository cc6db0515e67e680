/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One timer for all: a reading serves every request that was made before it.
 */

#include "daemon/base/event.h"
#include "daemon/ledger/reading.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/ledger/ledger.h"

/* After a lease has ended. A request that waited for its groups asks for a reading itself. */
#define DELAY_AFTER_LEASE_USEC 50000
/* After a failure (memory or fds short, a busy kernel). */
#define RETRY_SECONDS 1

struct Reading {
        Ledger *ledger;
        struct event *timer;
        const Reader *reader;
};

/* Schedules a reading after that time, unless one is due sooner. */
static void schedule(Reading *reading, const struct timeval *delay)
{
        struct timeval now, due, pending;

        (void)evutil_gettimeofday(&now, NULL);
        evutil_timeradd(&now, delay, &due);
        if (!evtimer_pending(reading->timer, &pending) || evutil_timercmp(&due, &pending, <))
                (void)evtimer_add(reading->timer, delay);
}

static void on_timer(evutil_socket_t fd, short what, void *userdata)
{
        Reading *reading = userdata;

        int r = ledger_read_now(reading->ledger);
        if (r < 0) {
                log_error("reading the machine failed: %s; trying again", strerror(-r));
                ledger_read_later(reading->ledger);
        }
}

int reading_new(Ledger *ledger, struct event_base *base, Reading **ret_reading)
{
        _cleanup_(reading_freep) Reading *reading = calloc(1, sizeof(*reading));

        if (!reading)
                return -ENOMEM;
        reading->ledger = ledger;
        reading->timer = evtimer_new(base, on_timer, reading);
        if (!reading->timer)
                return -ENOMEM;
        *ret_reading = TAKE_PTR(reading);
        return 0;
}

Reading *reading_free(Reading *reading)
{
        if (!reading)
                return NULL;
        event_freep(&reading->timer);
        free(reading);
        return NULL;
}

void reading_set_reader(Reading *reading, const Reader *reader)
{
        reading->reader = reader;
}

bool reading_is_due(const Reading *reading)
{
        return evtimer_pending(reading->timer, NULL);
}

static suseconds_t delay_of(const Ledger *ledger)
{
        const Reader *reader = ledger->reading->reader;

        return reader ? reader->delay(ledger) : 0;
}

void ledger_read_soon(Ledger *ledger)
{
        schedule(ledger->reading, &(struct timeval){.tv_usec = delay_of(ledger)});
}

void ledger_read_next(Ledger *ledger)
{
        schedule(ledger->reading, &(struct timeval){.tv_sec = 0});
}

void ledger_read_after_lease(Ledger *ledger)
{
        suseconds_t delay = delay_of(ledger) == 0 ? 0 : DELAY_AFTER_LEASE_USEC;

        schedule(ledger->reading, &(struct timeval){.tv_usec = delay});
}

void ledger_hear_uevent(Ledger *ledger, uint64_t number)
{
        if (!ledger->world || number > ledger->world->event)
                ledger_read_soon(ledger);
}

void ledger_read_later(Ledger *ledger)
{
        schedule(ledger->reading, &(struct timeval){.tv_sec = RETRY_SECONDS});
}

int ledger_read_now(Ledger *ledger)
{
        /* This reading also serves the scheduled one. */
        (void)evtimer_del(ledger->reading->timer);
        return ledger->reading->reader ? ledger->reading->reader->read(ledger) : 0;
}

void ledger_read_again(Ledger *ledger)
{
        int r = ledger_read_now(ledger);

        if (r < 0) {
                log_broken(r);
                ledger_read_soon(ledger);
        }
}
