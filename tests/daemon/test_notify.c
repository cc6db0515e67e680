/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The signals that a client gets when a lease changes, on a bus of two ends without a bus daemon.
 * The values that the client caches have to be those of the lease.
 */

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "daemon/bus/objects/objects.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/requests/requests.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define TURNS 100
#define NAMES_SIZE 512

static char root[128], dev[160], state[160];
static Ledger *ledger;
static Lease *lease;
static struct event_base *base;
static Bus bus;
static sd_bus *client;

/* The properties of PropertiesChanged since forget(). */
static struct {
        unsigned times;
        char names[NAMES_SIZE];       /* with a value; each with a space before and after it */
        char invalidated[NAMES_SIZE]; /* without */
} heard;

static int start_end(sd_bus **ret, int fd, bool is_server)
{
        const sd_id128_t id = {.bytes = {1}};

        int r = sd_bus_new(ret);
        if (r >= 0)
                r = sd_bus_set_fd(*ret, fd, fd);
        if (r >= 0 && is_server)
                r = sd_bus_set_server(*ret, 1, id);
        if (r >= 0)
                r = sd_bus_set_anonymous(*ret, 1);
        return r < 0 ? r : sd_bus_start(*ret);
}

static void start_bus(void)
{
        int ends[2];

        bus = (Bus){.ledger = ledger, .base = base};
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0 ||
            start_end(&bus.bus, ends[0], true) < 0 || start_end(&client, ends[1], false) < 0 ||
            objects_publish(&bus) < 0)
                abort();
        bus_observe(&bus);
}

/* A lease of one group and its device, in the mode in which it has nodes. */
static void start(void)
{
        HostPaths host = {.sysfs = root, .dev = dev, .proc = root};
        LeaseRecord *record;

        (void)snprintf(root, sizeof(root), "%s", tree_make());
        (void)snprintf(dev, sizeof(dev), "%s/dev", root);
        (void)snprintf(state, sizeof(state), "%s/leases", root);
        base = event_base_new();
        if (!base || mkdir(state, 0700) < 0 || daemon_new(base, &host, state, &ledger) < 0 ||
            lease_record_new(&record) < 0)
                abort();
        record->id = 7;
        record->owner.uid = record->owner.path_uid = 1000;
        record->state = LEASE_LEASED;
        record->mode = LEASE_MODE_PATH;
        record->lifetime = LEASE_LIFETIME_PERSISTENT;
        if (lease_record_add_group(record, 3, "0000:00/05.0") < 0 ||
            ledger_add_lease(ledger, record, &lease) < 0)
                abort();
        start_bus();
}

static void end(void)
{
        const LedgerObserver nobody = {.userdata = NULL};

        ledger_observe(ledger, &nobody);
        sd_bus_flush_close_unref(client);
        sd_bus_flush_close_unref(bus.bus);
        ledger_free(ledger);
        event_base_free(base);
        tree_remove();
}

static void note(char names[static NAMES_SIZE], const char *name)
{
        size_t n = strlen(names);

        (void)snprintf(names + n, NAMES_SIZE - n, " %s ", name);
}

static int read_change(sd_bus_message *message)
{
        const char *name;

        int r = sd_bus_message_read(message, "s", &name);
        if (r < 0)
                return r;
        note(heard.names, name);
        return sd_bus_message_skip(message, "v");
}

static void read_changes(sd_bus_message *message)
{
        const char *interface;

        int r = sd_bus_message_read(message, "s", &interface);
        CHECK_STRING(interface, BUS_IFACE_LEASE);
        if (r >= 0)
                r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = read_change(message);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(message);
        if (r >= 0)
                r = sd_bus_message_enter_container(message, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read(message, "s", &interface)) > 0)
                note(heard.invalidated, interface);
        CHECK(r >= 0);
        heard.times++;
}

/* Reads all pending signals. */
static void listen_to_it(void)
{
        memset(&heard, 0, sizeof(heard));
        for (int i = 0; i < TURNS; i++) {
                _cleanup_(message_unrefp) sd_bus_message *message = NULL;

                CHECK(sd_bus_process(bus.bus, NULL) >= 0);
                CHECK(sd_bus_process(client, &message) >= 0);
                if (message && sd_bus_message_is_signal(message, "org.freedesktop.DBus.Properties",
                                                        "PropertiesChanged"))
                        read_changes(message);
        }
}

static bool is_among(const char *names, const char *name)
{
        char word[64];

        (void)snprintf(word, sizeof(word), " %s ", name);
        if (strstr(names, word))
                return true;
        printf("# no %s in:%s\n", name, names);
        return false;
}

static void test_transfer(void)
{
        const NewOwner heir = {.who = {.uid = 1001}, .unit = "vm@2.service", .is_privileged = true};
        _cleanup_(freep) char *message = NULL;

        start();
        lease->record->mode = LEASE_MODE_VFIO; /* a lease with nodes cannot be transferred */
        CHECK_NUMBER(lease_transfer(lease, &heir, &message), 0);
        listen_to_it();
        CHECK_NUMBER(heard.times, 1);
        CHECK(is_among(heard.invalidated, "Uid") && is_among(heard.invalidated, "Unit"));
        end();
}

static void test_nodes(void)
{
        start();
        listen_to_it();
        CHECK_NUMBER(heard.times, 0);
        tree_file("dev/vfio/3", "");
        ledger->observer.lease(CHANGE_CHANGED, 7, ledger->observer.userdata);
        listen_to_it();
        CHECK(is_among(heard.invalidated, "Nodes"));
        end();
}

/*
 * A signal names every property that can still change once the lease has an owner or another mode.
 */
static void test_what_changes(void)
{
        static const char *const settled[] = {"Id",    "Groups", "Lifetime", "RequiredGuard",
                                              "Since", "Rule"};
        size_t n = 0;

        start();
        ledger->observer.lease(CHANGE_CHANGED, 7, ledger->observer.userdata);
        listen_to_it();
        for (const sd_bus_vtable *entry = bus_lease_kind.vtable; entry->type != _SD_BUS_VTABLE_END;
             entry++) {
                bool is_private = entry->flags & SD_BUS_VTABLE_PROPERTY_EMITS_INVALIDATION;
                bool changes = entry->type == _SD_BUS_VTABLE_PROPERTY &&
                               (entry->flags & SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE || is_private);

                for (size_t i = 0; changes && i < ARRAY_SIZE(settled); i++)
                        changes = strcmp(settled[i], entry->x.property.member) != 0;
                n += changes;
                CHECK(!changes || is_among(is_private ? heard.invalidated : heard.names,
                                           entry->x.property.member));
        }
        CHECK(n > 5);
        end();
}

int main(void)
{
        static const TapTest tests[] = {
                {"a lease changes hands", test_transfer},
                {"nodes that come", test_nodes},
                {"all that changes is told", test_what_changes},
        };

        return tap_run(tests);
}
