/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The connection: publishing the objects, and turning the loop's wake-ups into bus work.
 */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/bus/connection.h"
#include "daemon/bus/gate.h"
#include "daemon/bus/method.h"
#include "daemon/bus/names.h"
#include "daemon/bus/notify.h"
#include "daemon/bus/pace.h"
#include "daemon/bus/standard.h"
#include "daemon/bus/subscribers.h"
#include "daemon/requests/requests.h"

/* One turn handles at most this many messages, so that the rest of the daemon has its turn too. */
#define MESSAGES_PER_TURN 64
/* And it ends with the first message that is done after that time. */
#define TURN_USEC 5000

const BusKind *const bus_kinds[] = {
        &bus_device_kind,
        &bus_group_kind,
        &bus_lease_kind,
        &bus_iommu_kind,
};
const size_t bus_n_kinds = ARRAY_SIZE(bus_kinds);

/* A list of paths that grows. */
typedef struct Paths {
        char **items; /* NULL-terminated */
        size_t n_items;
} Paths;

static void paths_clear(Paths *paths)
{
        for (size_t i = 0; i < paths->n_items; i++)
                free(paths->items[i]);
        free(paths->items);
}

/* Takes `path` over. */
static int paths_add(Paths *paths, char *path)
{
        if (!path)
                return -ENOMEM;
        char **items = realloc(paths->items, (paths->n_items + 2) * sizeof(*items));
        if (!items) {
                free(path);
                return -ENOMEM;
        }
        paths->items = items;
        items[paths->n_items++] = path;
        items[paths->n_items] = NULL;
        return 0;
}

static int enumerate(sd_bus *sd, const char *prefix, void *userdata, char ***ret_nodes,
                     sd_bus_error *error)
{
        _cleanup_(paths_clear) Paths paths = {.items = NULL};
        BusView view;
        char *path;
        int r = 0;

        for (size_t i = 0; r == 0 && i < bus_n_kinds; i++)
                for (size_t k = 0; r == 0 && bus_kinds[i]->at(userdata, k, &view, &path); k++)
                        r = paths_add(&paths, path);
        if (r < 0)
                return r;
        *ret_nodes = paths.items;
        paths = (Paths){.items = NULL};
        return 0;
}

/* Nothing that is not in the table of methods may be callable. */
static int refuse_holes(void)
{
        const char *hole = method_find_hole(BUS_IFACE_MANAGER, bus_manager_vtable);

        for (size_t i = 0; !hole && i < bus_n_kinds; i++)
                hole = method_find_hole(bus_kinds[i]->interface, bus_kinds[i]->vtable);
        if (!hole)
                return 0;
        log_error("method %s has no row in the table of methods", hole);
        return -EPERM;
}

static int publish(Bus *bus)
{
        int r = refuse_holes();
        if (r == 0)
                r = sd_bus_add_object_manager(bus->bus, NULL, BUS_ROOT);
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus->bus, NULL, BUS_ROOT, BUS_IFACE_MANAGER,
                                             bus_manager_vtable, &bus->root_view);
        if (r >= 0)
                r = sd_bus_add_node_enumerator(bus->bus, NULL, BUS_ROOT, enumerate, bus);
        if (r >= 0)
                r = sd_bus_add_filter(bus->bus, NULL, standard_filter, bus);
        for (size_t i = 0; r >= 0 && i < bus_n_kinds; i++)
                r = sd_bus_add_fallback_vtable(bus->bus, NULL, bus_kinds[i]->prefix,
                                               bus_kinds[i]->interface, bus_kinds[i]->vtable,
                                               bus_kinds[i]->find, bus);
        return r < 0 ? r : 0;
}

static void on_wake(evutil_socket_t fd, short what, void *userdata)
{
        /* The work is done in bus_turn(), before the loop sleeps again. */
}

/* Of the leases and the queue that the daemon before has left. */
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
        bus->root_view = (BusView){.bus = bus};

        int r = pace_new(PACE_INTERVAL_USEC, PACE_BURST, &bus->pace);
        if (r == 0)
                r = pace_new(PACE_LOOK_INTERVAL_USEC, PACE_BURST, &bus->looks);
        if (r == 0)
                r = pace_new(PACE_READ_INTERVAL_USEC, PACE_READ_BURST, &bus->reads);
        if (r == 0)
                r = pace_new(PACE_LIST_INTERVAL_USEC, PACE_BURST, &bus->lists);
        if (r == 0)
                r = connection_open(bus);
        if (r >= 0)
                r = publish(bus);
        if (r < 0)
                return r;
        bus->io = event_new(base, bus->input, EV_READ, on_wake, bus);
        bus->out = event_new(base, bus->output, EV_WRITE, on_wake, bus);
        bus->gate_io = event_new(base, gate_wait_fd(bus->gate), EV_READ, on_wake, bus);
        bus->timer = evtimer_new(base, on_wake, bus);
        if (!bus->io || !bus->out || !bus->gate_io || !bus->timer)
                return -ENOMEM;
        r = meet_bus(bus);
        if (r < 0)
                return r;
        bus_observe(bus);
        names_each(ledger, on_name, bus);
        r = connection_take_name(bus);
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
        struct event *const events[] = {bus->io, bus->out, bus->gate_io, bus->timer};

        ledger_observe(bus->ledger, &nobody);
        for (size_t i = 0; i < ARRAY_SIZE(events); i++)
                if (events[i])
                        event_free(events[i]);
        /* Who has not been answered is not: each holds a message, and that the bus. */
        while (bus->calls)
                (void)method_call_free(bus->calls);
        bus_names_free(bus->names);
        subscribers_clear(bus);
        pace_free(bus->pace);
        pace_free(bus->looks);
        pace_free(bus->reads);
        pace_free(bus->lists);
        connection_close(bus);
        free(bus);
        return NULL;
}

/* Waits for `wanted` of a socket, 0 for nothing. */
static int arm_socket(Bus *bus, struct event *event, int fd, short wanted)
{
        (void)event_del(event);
        if (wanted == 0)
                return 0;
        return event_assign(event, bus->base, fd, wanted, on_wake, bus) < 0 ||
                               event_add(event, NULL) < 0
                       ? -ENOMEM
                       : 0;
}

/* Asks the loop to wake when sd-bus wants to. */
static int arm(Bus *bus, bool at_once)
{
        uint64_t until = UINT64_MAX;
        struct timespec now;
        struct timeval delay = {.tv_sec = 0};

        int events = sd_bus_get_events(bus->bus);
        int r = sd_bus_get_timeout(bus->bus, &until);
        if (events < 0 || r < 0)
                return events < 0 ? events : r;
        r = arm_socket(bus, bus->io, bus->input, events & POLLIN ? EV_READ : 0);
        if (r == 0)
                r = arm_socket(bus, bus->out, bus->output, events & POLLOUT ? EV_WRITE : 0);
        if (r == 0)
                r = arm_socket(bus, bus->gate_io, gate_wait_fd(bus->gate),
                               connection_is_behind(bus) ? 0 : gate_wait_events(bus->gate));
        if (r < 0)
                return r;

        (void)evtimer_del(bus->timer);
        if (until == UINT64_MAX && !at_once)
                return 0;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        uint64_t now_usec = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
        if (!at_once && until > now_usec) {
                delay.tv_sec = (time_t)((until - now_usec) / 1000000);
                delay.tv_usec = (suseconds_t)((until - now_usec) % 1000000);
        }
        return evtimer_add(bus->timer, &delay) < 0 ? -ENOMEM : 0;
}

int bus_turn(Bus *bus)
{
        uint64_t begin = clock_usec(CLOCK_MONOTONIC);
        int gate = connection_read(bus);
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
        return arm(bus, r > 0 || gate > 0);
}

int bus_leave_name(Bus *bus)
{
        return connection_leave_name(bus);
}

size_t bus_count_open(const Bus *bus)
{
        uint64_t unread = 0;
        size_t n = 0;

        for (const MethodCall *call = bus->calls; call; call = call->next)
                n++;
        return sd_bus_get_n_queued_read(bus->bus, &unread) < 0 ? n : n + unread;
}
