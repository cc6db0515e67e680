/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Turns changes into events: replaces paths by ids and addresses; fields that do not apply are "".
 */

#include <string.h>

#include "libclient/monitor.h"

static const char *const event_names[_OBJECT_N][_MONITOR_CHANGE_N] = {
        [OBJECT_DEVICE] = {"device-added", "device-removed", "device-changed"},
        [OBJECT_GROUP] = {"group-changed", "group-changed", "group-changed"},
        [OBJECT_LEASE] = {"lease-added", "lease-removed", "lease-changed"},
};

void monitor_end(Monitor *monitor, int result)
{
        if (!monitor->is_ended) {
                monitor->is_ended = true;
                monitor->result = result;
        }
}

static void tell(Monitor *monitor, const iso_event *event)
{
        int r;

        if (monitor->is_ended)
                return;
        r = monitor->handler(event, monitor->userdata);
        if (r != 0)
                monitor_end(monitor, r);
}

void monitor_tell_ready(Monitor *monitor)
{
        monitor->is_ready = true;
        tell(monitor, &(iso_event){
                              .event = "ready",
                              .device = "",
                              .group = "",
                              .driver = "",
                              .state = "",
                              .cause = "",
                              .difference = "",
                              .guard = "",
                              .required_guard = "",
                              .comm = "",
                              .unit = "",
                              .access = "",
                      });
}

/*
 * The id of the group at `path`. If a device arrives before its group, decodes the id from the
 * path; *scratch owns the decoded text.
 */
static const char *group_name(const Monitor *monitor, const char *path, char **scratch)
{
        const MonitorEntry *group = monitor_table_find(&monitor->table, path);

        if (group)
                return group->texts[ENTRY_NAME];
        if (sd_bus_path_decode(path, HOST_PATH "/group", scratch) > 0)
                return *scratch;
        return "";
}

static uint32_t lease_number(const Monitor *monitor, const char *path)
{
        const MonitorEntry *lease = monitor_table_find(&monitor->table, path);

        return lease ? lease->lease : 0;
}

/* A bridge in a leased group stays with the host: only leased and held devices have a lease. */
static uint32_t device_lease(const Monitor *monitor, const MonitorEntry *device)
{
        const char *state = device->texts[ENTRY_STATE];
        const MonitorEntry *group;

        if (strcmp(state, "leased") != 0 && strcmp(state, "held") != 0)
                return 0;
        group = monitor_table_find(&monitor->table, device->texts[ENTRY_GROUP]);
        return group ? lease_number(monitor, group->texts[ENTRY_LEASE]) : 0;
}

void monitor_tell_entry(Monitor *monitor, const MonitorEntry *entry, MonitorChange change)
{
        _cleanup_(freep) char *scratch = NULL;
        char *const *texts = entry->texts;
        iso_event event = {
                .event = event_names[entry->kind][change],
                .device = "",
                .group = "",
                .driver = "",
                .state = change == MONITOR_REMOVED ? "" : texts[ENTRY_STATE],
                .cause = "",
                .difference = "",
                .guard = "",
                .required_guard = "",
                .comm = "",
                .unit = "",
                .access = "",
        };

        switch (entry->kind) {
        case OBJECT_DEVICE:
                event.device = texts[ENTRY_NAME];
                event.group = group_name(monitor, texts[ENTRY_GROUP], &scratch);
                event.lease = device_lease(monitor, entry);
                if (change == MONITOR_CHANGED)
                        event.driver = texts[ENTRY_DRIVER];
                break;
        case OBJECT_GROUP:
                event.group = texts[ENTRY_NAME];
                event.lease = lease_number(monitor, texts[ENTRY_LEASE]);
                break;
        case OBJECT_LEASE:
                event.group = group_name(monitor, texts[ENTRY_GROUP], &scratch);
                event.lease = entry->lease;
                break;
        case OBJECT_OTHER:
        case _OBJECT_N:
                return;
        }
        tell(monitor, &event);
}

void monitor_tell_member(Monitor *monitor, const MemberNews *news)
{
        const MonitorEntry *lease = monitor_table_find(&monitor->table, news->lease_path);
        _cleanup_(freep) char *scratch = NULL;

        tell(monitor,
             &(iso_event){
                     .event = news->event,
                     .device = news->address,
                     .group = lease ? group_name(monitor, lease->texts[ENTRY_GROUP], &scratch) : "",
                     .lease = lease ? lease->lease : 0,
                     .driver = news->driver,
                     .state = news->state,
                     .in_owner_address_space = news->in_owner_address_space,
                     .cause = news->cause,
                     .same = news->same,
                     .difference = news->difference,
                     .guard = news->guard,
                     .required_guard = news->required_guard,
                     .pid = strcmp(news->event, "second-holder") == 0 ? (pid_t)news->number : 0,
                     .grace_seconds = strcmp(news->event, "revoked") == 0 ? news->number : 0,
                     .kill = news->kill,
                     .comm = news->comm,
                     .unit = news->unit,
                     .access = news->access,
                     .address = news->fault_address,
                     .count = news->count,
             });
}

void monitor_replace_table(Monitor *monitor, MonitorTable *fresh)
{
        MonitorTable old = monitor->table;

        /* Reports removed objects while the names of related objects are still in the table. */
        for (size_t i = 0; i < old.n_entries; i++)
                if (!monitor_table_find(fresh, old.entries[i]->texts[ENTRY_PATH]))
                        monitor_tell_entry(monitor, old.entries[i], MONITOR_REMOVED);

        monitor->table = *fresh;
        *fresh = (MonitorTable){.entries = NULL};
        for (size_t i = 0; i < monitor->table.n_entries; i++) {
                const MonitorEntry *entry = monitor->table.entries[i];
                const MonitorEntry *before = monitor_table_find(&old, entry->texts[ENTRY_PATH]);

                if (!before)
                        monitor_tell_entry(monitor, entry, MONITOR_ADDED);
                else if (!monitor_entry_equal(before, entry))
                        monitor_tell_entry(monitor, entry, MONITOR_CHANGED);
        }
        monitor_table_deinit(&old);
}
