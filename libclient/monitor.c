/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Keeps the table of objects in step with the daemon.
 *
 * It subscribes first and then reads all objects. The bus keeps the order: the answer already
 * contains the changes of earlier signals, which are ignored; later signals apply to it. After a
 * restart of the daemon it reads all objects again and reports the differences. It accepts only
 * the daemon's own signals.
 */

#include <errno.h>
#include <string.h>

#include "libclient/monitor.h"

#define MATCH_DAEMON "type='signal',sender='" HOST_SERVICE "',path_namespace='" HOST_PATH "'"
#define MATCH_OWNER                                                                                \
        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"                \
        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" HOST_SERVICE "'"

static void monitor_deinit(Monitor *monitor)
{
        sd_bus_slot_unref(monitor->call);
        monitor_table_deinit(&monitor->table);
        free(monitor->owner);
}

static void fail_message(Monitor *monitor, int error)
{
        monitor_end(monitor, host_fail(monitor->host, error, "a signal cannot be read: %s",
                                       strerror(-error)));
}

static void adopt_objects(Monitor *monitor, sd_bus_message *reply)
{
        _cleanup_(arena_deinit) Arena arena = {NULL};
        _cleanup_(monitor_table_deinit) MonitorTable fresh = {NULL};
        const char *owner = sd_bus_message_get_sender(reply);
        ObjectList list;
        int r;

        r = object_list_read(&arena, reply, &list);
        if (r == 0)
                r = monitor_table_fill(&fresh, &list);
        if (r < 0) {
                monitor_end(monitor, host_fail(monitor->host, r,
                                               "isolationd's list of objects cannot be read: %s",
                                               strerror(-r)));
                return;
        }

        free(monitor->owner);
        monitor->owner = owner ? strdup(owner) : NULL;
        if (!monitor->owner) {
                monitor_end(monitor, -ENOMEM);
                return;
        }
        monitor->is_synced = true;
        if (monitor->is_ready) {
                monitor_replace_table(monitor, &fresh);
        } else {
                monitor->table = fresh;
                fresh = (MonitorTable){NULL};
        }
        monitor_tell_ready(monitor);
}

static int on_objects(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
        Monitor *monitor = userdata;
        int r;

        monitor->call = sd_bus_slot_unref(monitor->call);
        if (!sd_bus_message_is_method_error(reply, NULL)) {
                adopt_objects(monitor, reply);
                return 0;
        }

        r = host_fail_bus(monitor->host, -sd_bus_message_get_errno(reply),
                          sd_bus_message_get_error(reply));
        /* The daemon ended before it answered: the next one is asked. */
        if (r == ISO_E_NO_DAEMON && monitor->is_ready)
                return 0;
        monitor_end(monitor, r);
        return 0;
}

static int on_subscribed(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
        return 0;
}

static int ask_for_objects(Monitor *monitor)
{
        int r;

        monitor->is_synced = false;
        monitor->call = sd_bus_slot_unref(monitor->call);
        /*
         * The daemon sends restricted signals only to subscribers. An older daemon sends them to
         * all.
         */
        r = sd_bus_call_method_async(monitor->host->bus, NULL, HOST_SERVICE, HOST_PATH,
                                     HOST_MANAGER, "Subscribe", on_subscribed, NULL, "a{sv}", 0);
        if (r < 0)
                return host_fail_bus(monitor->host, r, NULL);
        r = sd_bus_call_method_async(monitor->host->bus, &monitor->call, HOST_SERVICE, HOST_PATH,
                                     "org.freedesktop.DBus.ObjectManager", "GetManagedObjects",
                                     on_objects, monitor, NULL);
        return r < 0 ? host_fail_bus(monitor->host, r, NULL) : 0;
}

static int on_owner(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        Monitor *monitor = userdata;
        const char *name, *before, *now;
        int r;

        r = sd_bus_message_read(message, "sss", &name, &before, &now);
        if (r < 0) {
                fail_message(monitor, r);
                return 0;
        }

        monitor->is_synced = false;
        free(monitor->owner);
        monitor->owner = NULL;
        /* The first call is already under way, and may have started this daemon. */
        if (!*now || (!monitor->is_ready && monitor->call))
                return 0;
        r = ask_for_objects(monitor);
        if (r != 0)
                monitor_end(monitor, r);
        return 0;
}

static int apply_added(Monitor *monitor, sd_bus_message *message)
{
        _cleanup_(arena_deinit) Arena arena = {NULL};
        MonitorEntry *entry;
        const MonitorEntry *known;
        const char *path;
        MonitorChange change;
        Object object;
        int r;

        r = sd_bus_message_read_basic(message, 'o', &path);
        if (r < 0)
                return r;
        r = object_read(&arena, message, path, &object);
        if (r < 0)
                return r;
        if (object.kind == OBJECT_OTHER)
                return 0;

        entry = monitor_entry_new(&object);
        if (!entry)
                return -ENOMEM;
        change = monitor_table_find(&monitor->table, path) ? MONITOR_CHANGED : MONITOR_ADDED;
        known = monitor_table_put(&monitor->table, entry);
        if (!known)
                return -ENOMEM;
        monitor_tell_entry(monitor, known, change);
        return 0;
}

/* An object is gone when its main interface is gone. */
static int apply_removed(Monitor *monitor, sd_bus_message *message)
{
        _cleanup_(monitor_entry_freep) MonitorEntry *entry = NULL;
        const MonitorEntry *known;
        const char *path, *interface;
        int r;

        r = sd_bus_message_read_basic(message, 'o', &path);
        if (r < 0)
                return r;
        known = monitor_table_find(&monitor->table, path);
        if (!known)
                return 0;

        r = sd_bus_message_enter_container(message, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read_basic(message, 's', &interface)) > 0) {
                if (object_kind_from_interface(interface) != known->kind)
                        continue;
                entry = monitor_table_take(&monitor->table, path);
                monitor_tell_entry(monitor, entry, MONITOR_REMOVED);
                return 0;
        }
        return r;
}

/*
 * Did the signal leave out a value, so that all objects must be read again? The daemon never sends
 * private properties, and no event has them.
 */
static int has_lost_values(sd_bus_message *message)
{
        static const char *const private[] = {
                "Uid",   "Unit",     "Mode",          "AddressSpace", "Accounting", "Nodes",
                "Since", "Lifetime", "RequiredGuard", "Trouble",      "Rule",       "GuardEvidence",
        };
        const char *name;
        bool is_lost = false;

        int r = sd_bus_message_enter_container(message, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read_basic(message, 's', &name)) > 0) {
                bool is_private = false;

                for (size_t i = 0; i < ARRAY_SIZE(private); i++)
                        is_private |= strcmp(private[i], name) == 0;
                is_lost |= !is_private;
        }
        return r < 0 ? r : is_lost;
}

static int apply_changed(Monitor *monitor, sd_bus_message *message)
{
        _cleanup_(arena_deinit) Arena arena = {NULL};
        const MonitorEntry *known;
        MonitorEntry *entry;
        const char *interface, *group_paths[2];
        Object object;
        int r;

        r = sd_bus_message_read_basic(message, 's', &interface);
        if (r < 0)
                return r;
        known = monitor_table_find(&monitor->table, sd_bus_message_get_path(message));
        if (!known || object_kind_from_interface(interface) != known->kind)
                return 0;

        monitor_entry_to_object(known, group_paths, &object);
        r = object_read_properties(&object, &arena, message);
        if (r < 0)
                return r;
        r = has_lost_values(message);
        if (r != 0)
                return r < 0 ? r : ask_for_objects(monitor);

        entry = monitor_entry_new(&object);
        if (!entry)
                return -ENOMEM;
        known = monitor_table_put(&monitor->table, entry);
        if (!known)
                return -ENOMEM;
        monitor_tell_entry(monitor, known, MONITOR_CHANGED);
        return 0;
}

/* Reads one value into the field of its name; ignores names that this version does not know. */
static int read_detail(sd_bus_message *message, const char *name, MemberNews *news)
{
        const struct {
                const char *name;
                const char **text;
                bool *flag;
        } places[] = {
                {"in-owner-address-space", NULL, &news->in_owner_address_space},
                {"same", NULL, &news->same},
                {"taken", NULL, &news->taken},
                {"kill", NULL, &news->kill},
                {"driver", &news->driver, NULL},
                {"cause", &news->cause, NULL},
                {"difference", &news->difference, NULL},
                {"required", &news->required_guard, NULL},
                {"comm", &news->comm, NULL},
                {"unit", &news->unit, NULL},
                {"access", &news->access, NULL},
        };

        if (strcmp(name, "address") == 0)
                return sd_bus_message_read(message, "v", "t", &news->fault_address);
        if (strcmp(name, "count") == 0)
                return sd_bus_message_read(message, "v", "t", &news->count);
        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                int value = 0, r;

                if (strcmp(places[i].name, name) != 0)
                        continue;
                if (places[i].text)
                        return sd_bus_message_read(message, "v", "s", places[i].text);
                r = sd_bus_message_read(message, "v", "b", &value);
                *places[i].flag = r >= 0 && value;
                return r;
        }
        return sd_bus_message_skip(message, "v");
}

/* Reads the arguments of a member's signal; absent ones stay as they are. Strings are borrowed. */
static int read_details(sd_bus_message *message, MemberNews *news)
{
        const char *name;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(message, 's', &name);
                if (r < 0)
                        return r;
                r = read_detail(message, name, news);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;
        }
        return r;
}

static int apply_member(Monitor *monitor, sd_bus_message *message, const char *event,
                        const char *state)
{
        MemberNews news = {
                .event = event,
                .lease_path = sd_bus_message_get_path(message),
                .address = "",
                .driver = "",
                .state = state,
                .cause = "",
                .difference = "",
                .guard = "",
                .required_guard = "",
                .comm = "",
                .unit = "",
                .access = "",
        };
        /* For most signals the first argument is a device. */
        bool is_guard = strcmp(event, "guard-weakened") == 0;
        int r = sd_bus_message_has_signature(message, "ua{sv}") > 0
                        ? sd_bus_message_read_basic(message, 'u', &news.number)
                        : sd_bus_message_read_basic(message, 's',
                                                    is_guard ? &news.guard : &news.address);

        if (r >= 0)
                r = read_details(message, &news);
        if (r < 0)
                return r;
        if (news.taken)
                news.state = "leased";
        monitor_tell_member(monitor, &news);
        return 0;
}

static int apply_signal(Monitor *monitor, sd_bus_message *message)
{
        const char *manager = "org.freedesktop.DBus.ObjectManager";

        if (sd_bus_message_is_signal(message, manager, "InterfacesAdded"))
                return apply_added(monitor, message);
        if (sd_bus_message_is_signal(message, manager, "InterfacesRemoved"))
                return apply_removed(monitor, message);
        if (sd_bus_message_is_signal(message, "org.freedesktop.DBus.Properties",
                                     "PropertiesChanged"))
                return apply_changed(monitor, message);
        if (sd_bus_message_is_signal(message, HOST_LEASE, "DeviceJoined"))
                return apply_member(monitor, message, "device-joined", "held");
        if (sd_bus_message_is_signal(message, HOST_LEASE, "DeviceLost"))
                return apply_member(monitor, message, "device-lost", "");
        if (sd_bus_message_is_signal(message, HOST_LEASE, "DeviceReturned"))
                return apply_member(monitor, message, "device-returned", "held");
        if (sd_bus_message_is_signal(message, HOST_LEASE, "PfChanged"))
                return apply_member(monitor, message, "pf-changed", "");
        if (sd_bus_message_is_signal(message, HOST_LEASE, "GuardWeakened"))
                return apply_member(monitor, message, "guard-weakened", "");
        if (sd_bus_message_is_signal(message, HOST_LEASE, "Fault"))
                return apply_member(monitor, message, "fault", "");
        if (sd_bus_message_is_signal(message, HOST_LEASE, "Revoked"))
                return apply_member(monitor, message, "revoked", "revoking");
        if (sd_bus_message_is_signal(message, HOST_LEASE, "SecondHolder"))
                return apply_member(monitor, message, "second-holder", "");
        if (sd_bus_message_is_signal(message, HOST_LEASE, "Breached"))
                return apply_member(monitor, message, "breached", "breached");
        return 0;
}

static int on_signal(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
        const char *sender = sd_bus_message_get_sender(message);
        Monitor *monitor = userdata;
        int r;

        if (monitor->is_ended || !monitor->is_synced || !sender ||
            strcmp(sender, monitor->owner) != 0)
                return 0;
        r = apply_signal(monitor, message);
        if (r < 0)
                fail_message(monitor, r);
        else if (r > 0)
                monitor_end(monitor, r);
        return 0;
}

int iso_monitor(iso_host *host, iso_event_handler handler, void *userdata)
{
        _cleanup_(monitor_deinit) Monitor monitor = {
                .host = host,
                .handler = handler,
                .userdata = userdata,
        };
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *signals = NULL, *owner = NULL;
        int r;

        if (!host->bus)
                return host_fail(host, ISO_E_UNSUPPORTED,
                                 "a sysfs tree cannot be monitored; ask isolationd");

        r = sd_bus_add_match(host->bus, &owner, MATCH_OWNER, on_owner, &monitor);
        if (r >= 0)
                r = sd_bus_add_match(host->bus, &signals, MATCH_DAEMON, on_signal, &monitor);
        if (r < 0)
                return host_fail_bus(host, r, NULL);
        r = ask_for_objects(&monitor);
        if (r != 0)
                return r;

        while (!monitor.is_ended) {
                r = sd_bus_process(host->bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(host->bus, UINT64_MAX);
                if (r < 0 && r != -EINTR)
                        return host_fail_bus(host, r, NULL);
        }
        return monitor.result;
}
