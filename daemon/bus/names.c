/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * For each name: first a match on NameOwnerChanged, then the question GetNameOwner. In this order
 * no end is missed.
 *
 * A name has ended if the bus daemon says so: by that signal, or by the error NameHasNoOwner. Any
 * other error says nothing about the name, so the daemon asks again later. The time between two
 * questions doubles until the first answer.
 */

#include "daemon/base/event.h"
#include "daemon/bus/names.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/list.h"
#include "daemon/base/log.h"
#include "daemon/bus/access/subscribers.h"
#include "daemon/requests/requests.h"

#define DBUS "org.freedesktop.DBus"
#define DBUS_PATH "/org/freedesktop/DBus"
#define RETRY_SECONDS_MAX 60

struct BusNames {
        Bus *bus;
        char *name;
        sd_bus_slot *match;
        sd_bus_slot *question;
        struct event *retry; /* set after a question without an answer, or NULL */
        unsigned retry_seconds;
        BusNames *next;
};

static void name_free(BusNames *entry)
{
        sd_bus_slot_unref(entry->match);
        sd_bus_slot_unref(entry->question);
        event_freep(&entry->retry);
        free(entry->name);
        free(entry);
}

BusNames *bus_names_free(BusNames *names)
{
        LIST_FREE(names, name_free);
        return NULL;
}

/* Forgets names that neither the manager nor a subscriber needs. */
static void prune(Bus *bus)
{
        for (BusNames **at = &bus->names; *at;) {
                BusNames *entry = *at;

                if (names_need(bus->ledger, entry->name) || subscribers_have(bus, entry->name)) {
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

        LIST_UNLINK(bus->names, entry);
        subscribers_forget(bus, entry->name);
        names_forget(bus->ledger, entry->name);
        name_free(entry);
}

static int on_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        const char *name, *before, *after;

        if (sd_bus_message_read(message, "sss", &name, &before, &after) >= 0 && !after[0])
                end(userdata);
        return 0;
}

static void watch(BusNames *entry);

static void on_retry(evutil_socket_t fd, short what, void *userdata)
{
        BusNames *entry = userdata;

        event_freep(&entry->retry);
        watch(entry);
}

/* Without memory for a timer, the next bus_names_watch() of any name asks again. */
static void ask_later(BusNames *entry, const char *why)
{
        entry->retry_seconds = entry->retry_seconds == 0 ? 1 : entry->retry_seconds * 2;
        if (entry->retry_seconds > RETRY_SECONDS_MAX)
                entry->retry_seconds = RETRY_SECONDS_MAX;
        log_warning("cannot ask the bus daemon whether %s exists: %s; retrying in %u s",
                    entry->name, why, entry->retry_seconds);
        if (timer_start(&entry->retry, entry->bus->base, on_retry, entry,
                        entry->retry_seconds * USEC_PER_SEC) == 0)
                return;
        event_freep(&entry->retry);
        log_broken(-ENOMEM);
}

static int on_answered(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        const sd_bus_error *failure = sd_bus_message_get_error(reply);
        BusNames *entry = userdata;

        entry->question = sd_bus_slot_unref(entry->question);
        if (!failure)
                entry->retry_seconds = 0;
        else if (sd_bus_error_has_name(failure, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                end(entry);
        else
                ask_later(entry, failure->message ? failure->message : failure->name);
        return 0;
}

static int add_match(BusNames *entry)
{
        char rule[512];

        int n = snprintf(rule, sizeof(rule),
                         "type='signal',sender='" DBUS "',path='" DBUS_PATH "',interface='" DBUS
                         "',member='NameOwnerChanged',arg0='%s'",
                         entry->name);
        if (n < 0 || (size_t)n >= sizeof(rule))
                return -ENAMETOOLONG;
        return sd_bus_add_match_async(entry->bus->bus, &entry->match, rule, on_changed, NULL,
                                      entry);
}

static void watch(BusNames *entry)
{
        int r = entry->match ? 0 : add_match(entry);

        if (r >= 0)
                r = sd_bus_call_method_async(entry->bus->bus, &entry->question, DBUS, DBUS_PATH,
                                             DBUS, "GetNameOwner", on_answered, entry, "s",
                                             entry->name);
        if (r < 0)
                ask_later(entry, strerror(-r));
}

/* Asks again about names that had no memory for a question or a timer. */
static void watch_missed(Bus *bus)
{
        for (BusNames *entry = bus->names, *next; entry; entry = next) {
                next = entry->next;
                if (!entry->match && !entry->question && !entry->retry)
                        watch(entry);
        }
}

void bus_names_watch(Bus *bus, const char *name)
{
        prune(bus);
        watch_missed(bus);
        for (const BusNames *entry = bus->names; entry; entry = entry->next)
                if (strcmp(entry->name, name) == 0)
                        return;
        BusNames *entry = calloc(1, sizeof(*entry));
        if (entry)
                entry->name = strdup(name);
        if (!entry || !entry->name) {
                free(entry);
                log_error("cannot watch bus name %s: out of memory; release by hand the leases "
                          "that end with it",
                          name);
                return;
        }
        entry->bus = bus;
        entry->next = bus->names;
        bus->names = entry;
        watch(entry);
}
