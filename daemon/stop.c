/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The loop runs as before, except that no requests arrive and no waiters are served. So each turn
 * leaves less to do.
 */

#include "daemon/base/event.h"
#include "daemon/stop.h"

#include "daemon/base/log.h"
#include "daemon/lifecycle/lifecycle.h"
#include "daemon/queue/queue.h"

/* Whether a worker is at a device and may end soon. */
static bool is_at_work(const Ledger *ledger)
{
        for (size_t i = 0; i < ledger->n_leases; i++)
                if (lease_is_at_work(ledger->leases[i]) && !ledger->leases[i]->is_stuck)
                        return true;
        return false;
}

static bool has_work(const Bus *bus, const Ledger *ledger)
{
        return is_at_work(ledger) || bus_count_open(bus) > queue_count_callers(ledger);
}

static void on_late(evutil_socket_t fd, short what, void *userdata)
{
        bool *late = userdata;

        *late = true;
}

void stop_in_order(Bus *bus, Ledger *ledger, struct event_base *base, const bool *stop)
{
        _cleanup_(event_freep) struct event *end = NULL;
        bool late = false;

        queue_close(ledger);
        if (timer_start(&end, base, on_late, &late, STOP_SECONDS * USEC_PER_SEC) < 0)
                late = true;
        while (!late && !*stop && bus_turn(bus) >= 0 && has_work(bus, ledger))
                if (event_base_loop(base, EVLOOP_ONCE) < 0)
                        break;
        if (has_work(bus, ledger))
                log_warning(
                        "isolationd ends before all its work is done: %zu requests are not "
                        "answered",
                        bus_count_open(bus) - queue_count_callers(ledger));
}
