/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The top of daemon/bus: puts connection, requests, objects and names together, and does the work
 * of each turn of the event loop.
 */

#include "daemon/bus/bus.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/bus/access/pace.h"
#include "daemon/bus/access/subscribers.h"
#include "daemon/bus/connection.h"
#include "daemon/bus/names.h"
#include "daemon/bus/objects/objects.h"
#include "daemon/bus/request.h"
#include "daemon/requests/requests.h"

/* A turn handles at most this many messages, so that other events are handled too. */
#define MESSAGES_PER_TURN 64
/* A turn ends after the first message that is done later than this. */
#define TURN_USEC 5000

/* A method in a vtable must have a row in the table of methods. */
static int check_vtables(void)
{
        const char *unlisted = method_find_unlisted(BUS_IFACE_MANAGER, bus_manager_vtable);

        for (size_t i = 0; !unlisted && i < bus_n_kinds; i++)
                unlisted = method_find_unlisted(bus_kinds[i]->interface, bus_kinds[i]->vtable);
        if (!unlisted)
                return 0;
        log_error("method %s has no row in the table of methods", unlisted);
        return -EPERM;
}

/* For the names that leases and queued requests of the previous daemon depend on. */
static void on_name(const char *name, void *userdata)
{
        bus_names_watch(userdata, name);
}

static int meet_bus(Bus *bus)
{
        char text[SD_ID128_STRING_MAX];
        sd_id128_t id;

        int r = sd_bus_get_bus_id(bus->bus, &id);
        if (r < 0)
                return r;
        names_meet_bus(bus->ledger, sd_id128_to_string(id, text));
        return 0;
}

int bus_new(Ledger *ledger, struct event_base *base, Bus **ret_bus)
{
        _cleanup_(bus_freep) Bus *bus = calloc(1, sizeof(*bus));
        if (!bus)
                return -ENOMEM;
        bus->ledger = ledger;
        bus->base = base;
        bus->watch_name = bus_names_watch;

        int r = check_vtables();
        if (r == 0)
                r = pace_open(bus);
        if (r == 0)
                r = connection_open(base, &bus->connection);
        if (r < 0)
                return r;
        bus->bus = connection_bus(bus->connection);
        r = request_listen(bus);
        if (r >= 0)
                r = objects_publish(bus);
        if (r >= 0)
                r = meet_bus(bus);
        if (r < 0)
                return r;
        bus_observe(bus);
        names_each(ledger, on_name, bus);
        r = connection_take_name(bus->connection, BUS_NAME);
        if (r < 0)
                return r;
        *ret_bus = TAKE_PTR(bus);
        return 0;
}

Bus *bus_free(Bus *bus)
{
        const LedgerObserver nobody = {.userdata = NULL};

        if (!bus)
                return NULL;
        ledger_observe(bus->ledger, &nobody);
        /* Unanswered calls stay unanswered. Each holds a message, and the message holds the bus. */
        while (bus->calls)
                (void)method_call_free(bus->calls);
        bus_names_free(bus->names);
        subscribers_clear(bus);
        pace_close(bus);
        connection_close(bus->connection);
        free(bus);
        return NULL;
}

int bus_turn(Bus *bus)
{
        uint64_t begin = clock_usec(CLOCK_MONOTONIC);
        int gate = connection_read(bus->connection);
        int r = 1;

        if (gate < 0)
                return gate;
        for (int i = 0; r > 0 && i < MESSAGES_PER_TURN; i++) {
                r = sd_bus_process(bus->bus, NULL);
                if (clock_usec(CLOCK_MONOTONIC) - begin > TURN_USEC)
                        break;
        }
        if (r < 0)
                return r;
        return connection_arm(bus->connection, r > 0 || gate > 0);
}

int bus_leave_name(Bus *bus)
{
        return connection_leave_name(bus->connection, BUS_NAME);
}

size_t bus_count_open(const Bus *bus)
{
        uint64_t unread = 0;
        size_t n = 0;

        for (const MethodCall *call = bus->calls; call; call = call->next)
                n++;
        return sd_bus_get_n_queued_read(bus->bus, &unread) < 0 ? n : n + unread;
}
