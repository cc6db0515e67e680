/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What each user sees of a lease, in answers and in signals: its owner, root, and a user without
 * rights.
 *
 * Every private value contains the word "secret". The test searches all output of the daemon for
 * it. The other end of the socket is the bus daemon and all clients.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/bus/access/subscribers.h"
#include "daemon/bus/names.h"
#include "daemon/bus/objects/objects.h"
#include "daemon/bus/request.h"
#include "daemon/facts/guard_facts.h"
#include "daemon/lifecycle/life_internal.h"
#include "daemon/reconcile/reconcile.h"
#include "tests/unit/tap.h"
#include "tests/unit/tree.h"

#define NIC "devices/pci0000:00/0000:00:05.0"
#define OWNER 1000
#define STRANGER 65534
#define LEASE BUS_ROOT "/lease/7"
#define PROPERTIES "org.freedesktop.DBus.Properties"

/* The properties of a lease that every user sees. */
static const char *const open_to_all[] = {"Id", "Groups", "Devices", "Held", "Guard", "State"};

static char root[128];
static unsigned n_devices; /* besides the one that is leased */
static Ledger *ledger;
static Lease *lease;
static struct event_base *base;
static Bus bus;
static sd_bus *others;
static uid_t caller; /* the caller's credentials, as the bus tells them */
static char *answer; /* the last one, as text, or the error's name */
static char errors[256];
static unsigned n_told_all, n_told_one;
static bool leaks; /* a secret was sent to every client */

/* A message as text, which the caller frees. */
static char *dump(sd_bus_message *message)
{
        char *text = NULL;
        size_t n;
        FILE *stream = open_memstream(&text, &n);

        if (!stream)
                abort();
        (void)sd_bus_message_rewind(message, true);
        (void)sd_bus_message_dump(message, stream, 0);
        (void)fclose(stream);
        return text;
}

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        if (sd_bus_message_is_method_call(message, "org.freedesktop.DBus",
                                          "GetConnectionCredentials"))
                return sd_bus_reply_method_return(message, "a{sv}", 1, "UnixUserID", "u", caller);
        if (sd_bus_message_is_method_call(message, "org.freedesktop.DBus", "GetNameOwner"))
                return sd_bus_reply_method_return(message, "s", ":1.5");
        if (!sd_bus_message_is_signal(message, NULL, NULL))
                return 0;
        _cleanup_(freep) char *text = dump(message);
        const char *destination = sd_bus_message_get_destination(message);
        n_told_all += !destination;
        n_told_one += destination != NULL;
        if (destination)
                CHECK_STRING(destination, ":1.5");
        if (!destination && strstr(text, "secret")) {
                printf("# told to everybody: %s\n", text);
                leaks = true;
        }
        return 1;
}

static void turn(void)
{
        for (int idle = 0; idle < 3;) {
                CHECK(event_base_loop(base, EVLOOP_NONBLOCK) >= 0);
                int r = sd_bus_process(bus.bus, NULL), s = sd_bus_process(others, NULL);

                idle = r == 0 && s == 0 ? idle + 1 : 0;
                if (!CHECK(r >= 0 && s >= 0))
                        return;
        }
}

static void start_end(sd_bus **ret, int fd, bool is_server)
{
        if (sd_bus_new(ret) < 0 || sd_bus_set_fd(*ret, fd, fd) < 0 ||
            (is_server && sd_bus_set_server(*ret, 1, (sd_id128_t){.bytes = {1}}) < 0) ||
            sd_bus_set_anonymous(*ret, 1) < 0 || sd_bus_start(*ret) < 0)
                abort();
}

static void publish(void)
{
        if (sd_bus_add_filter(others, NULL, on_message, NULL) < 0 || request_listen(&bus) < 0 ||
            objects_publish(&bus) < 0)
                abort();
        bus_observe(&bus);
}

static void make_lease(void)
{
        LeaseRecord *record;

        if (lease_record_new(&record) < 0)
                abort();
        record->id = 7;
        record->owner.uid = record->owner.path_uid = OWNER;
        record->state = LEASE_QUARANTINED;
        record->mode = LEASE_MODE_PATH;
        record->lifetime = LEASE_LIFETIME_PERSISTENT;
        free(record->owner.unit);
        free(record->terms.rule);
        record->owner.unit = strdup("secret.service");
        record->terms.rule = strdup("secret-rule");
        record->condition.trouble = strdup("secret trouble");
        record->condition.breach = strdup("secret breach");
        if (!record->owner.unit || !record->terms.rule || !record->condition.trouble ||
            !record->condition.breach || lease_record_add_group(record, 14, "0000:00/05.0") < 0 ||
            ledger_add_lease(ledger, record, &lease) < 0)
                abort();
        life_of(lease)->memory_warning = strdup("secret warning");
        (void)guard_set_trouble(lease, "secret guard");
        CHECK_NUMBER(guard_facts_set(lease, 0, &(GuardFacts){.assigned = false}), 0);
}

static void begin(void)
{
        int ends[2];

        (void)snprintf(root, sizeof(root), "%s", tree_make());
        tree_device(NIC, 0x8086, 0x10d3, 0x020000);
        tree_config(NIC, 256, PCIE_TYPE_RC_ENDPOINT, 0);
        tree_file("kernel/iommu_groups/14/type", "DMA-FQ\n");
        tree_link(NIC "/iommu_group", "../../../kernel/iommu_groups/14");
        tree_file("dev/vfio/14", "");
        for (unsigned i = 0; i < n_devices; i++) {
                char path[64];

                (void)snprintf(path, sizeof(path), "devices/pci%04x:00/%04x:00:%02x.%u",
                               0x10 + i / 256, 0x10 + i / 256, i / 8 % 32, i % 8);
                tree_device(path, 0x8086, 0x10d3, 0x020000);
        }
        const HostPaths host = {.sysfs = root, .dev = root, .proc = "/nonexistent"};
        base = event_base_new();
        if (!base || daemon_new(base, &host, "/nonexistent", &ledger) < 0 ||
            world_read(&host, NULL, &ledger->world) != 0 ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
                abort();
        make_lease();
        bus = (Bus){.ledger = ledger, .base = base, .watch_name = bus_names_watch};
        start_end(&bus.bus, ends[0], true);
        start_end(&others, ends[1], false);
        publish();
        n_told_all = n_told_one = 0;
        leaks = false;
}

static void end(void)
{
        const LedgerObserver nobody = {.userdata = NULL};

        ledger_observe(ledger, &nobody);
        while (bus.calls)
                (void)method_call_free(bus.calls);
        bus_names_free(bus.names);
        subscribers_clear(&bus);
        sd_bus_close_unref(others);
        sd_bus_close_unref(bus.bus);
        ledger_free(ledger);
        event_base_free(base);
        tree_remove();
        free(TAKE_PTR(answer));
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const sd_bus_error *failure = sd_bus_message_get_error(reply);

        free(answer);
        answer = dump(reply);
        (void)snprintf(errors, sizeof(errors), "%s", failure ? failure->name : "");
        return 1;
}

/* A call by that user; `types` has only strings. The result is in `answer` and `errors`. */
static void ask(uid_t uid, const char *path, const char *interface, const char *member,
                const char *types, const char *one, const char *two)
{
        _cleanup_(message_unrefp) sd_bus_message *message = NULL;

        caller = uid;
        (void)snprintf(errors, sizeof(errors), "no answer");
        CHECK(sd_bus_message_new_method_call(others, &message, BUS_NAME, path, interface, member) >=
                      0 &&
              sd_bus_message_set_sender(message, ":1.5") >= 0);
        for (const char *type = types; *type; type++)
                CHECK(sd_bus_message_append(message, "s", type == types ? one : two) >= 0);
        if (strcmp(member, "Subscribe") == 0)
                CHECK(sd_bus_message_append(message, "a{sv}", 0) >= 0);
        CHECK(sd_bus_call_async(others, NULL, message, on_answer, NULL, UINT64_MAX) >= 0);
        turn();
}

static bool is_open(const char *property)
{
        for (size_t i = 0; i < ARRAY_SIZE(open_to_all); i++)
                if (strcmp(open_to_all[i], property) == 0)
                        return true;
        return false;
}

/* Whether the answer has every property of a lease that the user may see, and no other. */
static void check_properties(bool sees_all)
{
        for (const sd_bus_vtable *entry = bus_lease_kind.vtable; entry->type != _SD_BUS_VTABLE_END;
             entry++) {
                char name[64];

                if (entry->type != _SD_BUS_VTABLE_PROPERTY)
                        continue;
                (void)snprintf(name, sizeof(name), "STRING \"%s\"", entry->x.property.member);
                /* Other kinds have properties of the same names: those are open to all. */
                if (!CHECK_NUMBER(strstr(answer, name) != NULL,
                                  sees_all || is_open(entry->x.property.member)))
                        printf("# %s\n", name);
        }
        CHECK_NUMBER(strstr(answer, "secret") != NULL, sees_all);
}

static void test_lists(void)
{
        static const uid_t users[] = {0, OWNER, STRANGER, OWNER + 1};

        begin();
        for (size_t i = 0; i < ARRAY_SIZE(users); i++) {
                bool sees_all = users[i] == 0 || users[i] == OWNER;

                ask(users[i], LEASE, PROPERTIES, "GetAll", "s", BUS_IFACE_LEASE, NULL);
                CHECK_STRING(errors, "");
                check_properties(sees_all);
                ask(users[i], BUS_ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects",
                    "", NULL, NULL);
                CHECK_STRING(errors, "");
                CHECK(strstr(answer, LEASE) && strstr(answer, "/device/0000_00_05_0") &&
                      strstr(answer, "/group/"));
                check_properties(sees_all);
        }
        end();
}

static unsigned count(const char *what)
{
        unsigned n = 0;

        for (const char *at = answer; (at = strstr(at, what)); at++)
                n++;
        return n;
}

/*
 * More objects than one part holds, and changes while the list is made: each object is in it once.
 */
static void test_long_lists(void)
{
        _cleanup_(message_unrefp) sd_bus_message *message = NULL;

        n_devices = 600;
        begin();
        ask(STRANGER, BUS_ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", "", NULL,
            NULL);
        CHECK_NUMBER(count("OBJECT_PATH \"" BUS_ROOT "/device/"), 601);
        CHECK(sd_bus_message_new_method_call(others, &message, BUS_NAME, BUS_ROOT,
                                             "org.freedesktop.DBus.ObjectManager",
                                             "GetManagedObjects") >= 0 &&
              sd_bus_message_set_sender(message, ":1.5") >= 0 &&
              sd_bus_call_async(others, NULL, message, on_answer, NULL, UINT64_MAX) >= 0);
        while (!bus.calls || !bus.calls->work)
                CHECK(sd_bus_process(bus.bus, NULL) >= 0 && sd_bus_process(others, NULL) >= 0);
        for (int i = 0; i < 20 && bus.calls; i++) {
                ledger->observer.lease(CHANGE_CHANGED, 7, ledger->observer.userdata);
                CHECK(event_base_loop(base, EVLOOP_NONBLOCK) >= 0);
        }
        CHECK(!bus.calls); /* the list does not restart without end */
        turn();
        CHECK_NUMBER(count("OBJECT_PATH \"" BUS_ROOT "/device/"), 601);
        end();
        n_devices = 0;
}

static void test_single_properties(void)
{
        begin();
        for (const sd_bus_vtable *entry = bus_lease_kind.vtable; entry->type != _SD_BUS_VTABLE_END;
             entry++) {
                if (entry->type != _SD_BUS_VTABLE_PROPERTY)
                        continue;
                ask(OWNER, LEASE, PROPERTIES, "Get", "ss", BUS_IFACE_LEASE,
                    entry->x.property.member);
                CHECK_STRING(errors, "");
                ask(STRANGER, LEASE, PROPERTIES, "Get", "ss", BUS_IFACE_LEASE,
                    entry->x.property.member);
                CHECK_STRING(errors, is_open(entry->x.property.member) ? ""
                                                                       : REFUSAL_BUS_PREFIX
                                             "NotAuthorized");
                CHECK(!strstr(answer, "secret"));
        }
        ask(0, LEASE, PROPERTIES, "Get", "ss", BUS_IFACE_LEASE, "Colour");
        CHECK_STRING(errors, SD_BUS_ERROR_UNKNOWN_PROPERTY);
        ask(0, LEASE, PROPERTIES, "GetAll", "s", BUS_IFACE_GROUP, NULL);
        CHECK_STRING(errors, SD_BUS_ERROR_UNKNOWN_INTERFACE);
        ask(0, BUS_ROOT "/lease/8", PROPERTIES, "GetAll", "s", BUS_IFACE_LEASE, NULL);
        CHECK_STRING(errors, SD_BUS_ERROR_UNKNOWN_OBJECT);
        ask(0, LEASE, PROPERTIES, "GetAll", "ss", BUS_IFACE_LEASE, "x");
        CHECK_STRING(errors, SD_BUS_ERROR_INVALID_ARGS);
        ask(STRANGER, BUS_ROOT, PROPERTIES, "GetAll", "s", BUS_IFACE_MANAGER, NULL);
        CHECK(errors[0] == '\0' && strstr(answer, "LeaseObstacle"));
        end();
}

static void tell_everything(void)
{
        const LedgerObserver *observer = &ledger->observer;
        const Holder holder = {.pid = 1, .comm = "secret", .unit = "secret.service"};
        const LeaseDevice device = {.faults.n = 1};
        const IommuFault fault = {.access = FAULT_ACCESS_READ};

        observer->lease(CHANGE_ADDED, 7, observer->userdata);
        observer->lease(CHANGE_CHANGED, 7, observer->userdata);
        observer->group(CHANGE_CHANGED, "0000:00/05.0", observer->userdata);
        observer->group(CHANGE_ADDED, "0000:00/05.0", observer->userdata);
        observer->second_holder(lease, &holder, observer->userdata);
        observer->revoked(lease, 10, observer->userdata);
        observer->fault(lease, &device, &fault, observer->userdata);
        turn();
}

static void test_signals(void)
{
        begin();
        tell_everything();
        CHECK_NUMBER(n_told_all, 4);
        CHECK_NUMBER(n_told_one, 0);
        ask(STRANGER, BUS_ROOT, BUS_IFACE_MANAGER, "Subscribe", "", NULL, NULL);
        CHECK_STRING(errors, "");
        tell_everything();
        CHECK_NUMBER(n_told_one, 0);
        subscribers_clear(&bus);
        for (int i = 0; i < 2; i++)
                ask(i == 0 ? OWNER : 0, BUS_ROOT, BUS_IFACE_MANAGER, "Subscribe", "", NULL, NULL);
        tell_everything();
        CHECK_NUMBER(n_told_one, 3); /* both calls came from one connection */
        CHECK_NUMBER(n_told_all, 12);
        CHECK(!leaks);
        subscribers_forget(&bus, ":1.5");
        tell_everything();
        CHECK_NUMBER(n_told_one, 3);
        end();
}

static void test_introspection(void)
{
        begin();
        ask(STRANGER, LEASE, "org.freedesktop.DBus.Introspectable", "Introspect", "", NULL, NULL);
        for (const sd_bus_vtable *entry = bus_lease_kind.vtable; entry->type != _SD_BUS_VTABLE_END;
             entry++)
                CHECK(entry->type != _SD_BUS_VTABLE_METHOD ||
                      strstr(answer, entry->x.method.member));
        CHECK(!strstr(answer, "GetManagedObjects") && strstr(answer, "GetAll"));
        ask(STRANGER, BUS_ROOT, "org.freedesktop.DBus.Introspectable", "Introspect", "", NULL,
            NULL);
        CHECK(strstr(answer, "GetManagedObjects") && strstr(answer, "Acquire") &&
              strstr(answer, "<node name=\"lease\"/>"));
        ask(STRANGER, BUS_ROOT "/lease", "org.freedesktop.DBus.Introspectable", "Introspect", "",
            NULL, NULL);
        CHECK(strstr(answer, "<node name=\"7\"/>"));
        end();
}

/* sd-bus would look up each of the path's 30,000 prefixes. */
static void test_long_paths(void)
{
        static char path[60001];

        begin();
        for (size_t i = 0; i + 1 < sizeof(path); i += 2)
                memcpy(path + i, "/a", 2);
        ask(STRANGER, path, BUS_IFACE_LEASE, "Release", "", NULL, NULL);
        CHECK_STRING(errors, REFUSAL_BUS_PREFIX "Invalid");
        ask(STRANGER, path, PROPERTIES, "GetAll", "s", BUS_IFACE_LEASE, NULL);
        CHECK_STRING(errors, REFUSAL_BUS_PREFIX "Invalid");
        end();
}

int main(void)
{
        static const TapTest tests[] = {
                {"all properties at once", test_lists},        {"lists in parts", test_long_lists},
                {"single properties", test_single_properties}, {"signals", test_signals},
                {"introspection", test_introspection},         {"long paths", test_long_paths},
        };

        return tap_run(tests);
}
