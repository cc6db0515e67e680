/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A list. Each name is watched (Bus.watch_name) and forgotten when its connection ends. */

#include "daemon/bus/access/subscribers.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "daemon/base/list.h"
#include "daemon/bus/access/authorize.h"
#include "daemon/bus/call/paths.h"

struct Subscriber {
        uid_t uid;
        char *name;
        Subscriber *next;
};

static void subscriber_free(Subscriber *subscriber)
{
        free(subscriber->name);
        free(subscriber);
}

bool subscribers_have(const Bus *bus, const char *name)
{
        for (const Subscriber *each = bus->subscribers; each; each = each->next)
                if (strcmp(each->name, name) == 0)
                        return true;
        return false;
}

int subscribers_add(const MethodCall *call)
{
        const char *name = sd_bus_message_get_sender(call->message);
        size_t n = 0;

        if (subscribers_have(call->bus, name))
                return 0;
        for (const Subscriber *each = call->bus->subscribers; each; each = each->next)
                n += each->uid == call->caller.uid;
        if (n >= SUBSCRIBERS_PER_UID_MAX && call->caller.uid != 0)
                return REFUSAL_QUOTA;
        Subscriber *subscriber = calloc(1, sizeof(*subscriber));
        if (subscriber)
                subscriber->name = strdup(name);
        if (!subscriber || !subscriber->name) {
                free(subscriber);
                return -ENOMEM;
        }
        subscriber->uid = call->caller.uid;
        subscriber->next = call->bus->subscribers;
        call->bus->subscribers = subscriber;
        call->bus->watch_name(call->bus, subscriber->name);
        return 0;
}

void subscribers_forget(Bus *bus, const char *name)
{
        for (Subscriber **at = &bus->subscribers; *at; at = &(*at)->next) {
                Subscriber *subscriber = *at;

                if (strcmp(subscriber->name, name) != 0)
                        continue;
                *at = subscriber->next;
                subscriber_free(subscriber);
                return;
        }
}

void subscribers_clear(Bus *bus)
{
        LIST_FREE(bus->subscribers, subscriber_free);
}

static int send_to(Bus *bus, const char *name, const char *path, const char *member,
                   const char *types, va_list values)
{
        _cleanup_(message_unrefp) sd_bus_message *message = NULL;

        int r = sd_bus_message_new_signal(bus->bus, &message, path, BUS_IFACE_LEASE, member);
        if (r >= 0)
                r = sd_bus_message_appendv(message, types, values);
        return r < 0 ? r : sd_bus_send_to(bus->bus, message, name, NULL);
}

int subscribers_tell(Bus *bus, const Lease *lease, const char *member, const char *types, ...)
{
        _cleanup_(freep) char *path = bus_path_lease(lease->record->id);
        int result = path ? 0 : -ENOMEM;

        for (const Subscriber *each = bus->subscribers; path && each; each = each->next) {
                va_list values;

                if (!bus_may_see_lease(lease, each->uid))
                        continue;
                va_start(values, types);
                int r = send_to(bus, each->name, path, member, types, values);
                va_end(values);
                if (r < 0 && result == 0)
                        result = r;
        }
        return result;
}
