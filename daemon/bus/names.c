/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A match on NameOwnerChanged for each name, then a question whether it is still there: in this
 * order nothing is missed.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/bus/names.h"
#include "daemon/log.h"

#define DBUS "org.freedesktop.DBus"
#define DBUS_PATH "/org/freedesktop/DBus"

struct BusNames {
        Bus *bus;
        char *name;
        sd_bus_slot *match;
        sd_bus_slot *question;
        BusNames *next;
};

static void name_free(BusNames *entry)
{
        sd_bus_slot_unref(entry->match);
        sd_bus_slot_unref(entry->question);
        free(entry->name);
        free(entry);
}

BusNames *bus_names_free(BusNames *names)
{
        while (names) {
                BusNames *next = names->next;

                name_free(names);
                names = next;
        }
        return NULL;
}

/* Forgets what nobody needs. */
static void prune(Bus *bus)
{
        for (BusNames **at = &bus->names; *at;) {
                BusNames *entry = *at;

                if (manager_needs_name(bus->manager, entry->name)) {
                        at = &entry->next;
                        continue;
                }
                *at = entry->next;
                name_free(entry);
        }
}

static void end(BusNames *entry)
{
        Bus *bus = entry->bus;

        for (BusNames **at = &bus->names; *at; at = &(*at)->next)
                if (*at == entry) {
                        *at = entry->next;
                        break;
                }
        manager_forget_name(bus->manager, entry->name);
        name_free(entry);
}

static int on_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *name, *before, *after;

        if (sd_bus_message_read(message, "sss", &name, &before, &after) >= 0 && !after[0])
                end(userdata);
        return 0;
}

static int on_answered(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        if (sd_bus_message_is_method_error(reply, NULL))
                end(userdata);
        return 0;
}

static int watch(BusNames *entry)
{
        char rule[512];

        int n = snprintf(rule, sizeof(rule),
                         "type='signal',sender='" DBUS "',path='" DBUS_PATH "',interface='" DBUS
                         "',member='NameOwnerChanged',arg0='%s'",
                         entry->name);
        if (n < 0 || (size_t)n >= sizeof(rule))
                return -ENAMETOOLONG;
        int r = sd_bus_add_match_async(entry->bus->bus, &entry->match, rule, on_changed, NULL,
                                       entry);
        if (r < 0)
                return r;
        return sd_bus_call_method_async(entry->bus->bus, &entry->question, DBUS, DBUS_PATH, DBUS,
                                        "GetNameOwner", on_answered, entry, "s", entry->name);
}

void bus_names_watch(Bus *bus, const char *name)
{
        prune(bus);
        for (const BusNames *entry = bus->names; entry; entry = entry->next)
                if (strcmp(entry->name, name) == 0)
                        return;
        BusNames *entry = calloc(1, sizeof(*entry));
        if (entry)
                entry->name = strdup(name);
        if (!entry || !entry->name) {
                free(entry);
                log_broken(-ENOMEM);
                return manager_forget_name(bus->manager, name);
        }
        entry->bus = bus;
        entry->next = bus->names;
        bus->names = entry;
        int r = watch(entry);
        if (r < 0) {
                log_broken(r);
                end(entry);
        }
}
