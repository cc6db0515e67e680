/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A running iso_monitor(): the daemon's objects as last told, and who is told.
 *
 * monitor.c keeps in step with the daemon over the bus, monitor_tell.c turns changes into events.
 */

#include "libclient/host.h"
#include "libclient/monitor_table.h"

typedef struct Monitor {
        iso_host *host;
        iso_event_handler handler;
        void *userdata;
        MonitorTable table;
        char *owner;       /* unique name of the daemon that `table` is of; NULL while it is away */
        sd_bus_slot *call; /* the GetManagedObjects under way, or NULL */
        bool is_synced;    /* `table` is the daemon's state: changes apply to it */
        bool is_ready;     /* "ready" has been told */
        bool is_ended;
        int result;
} Monitor;

typedef enum MonitorChange {
        MONITOR_ADDED,
        MONITOR_REMOVED,
        MONITOR_CHANGED,
        _MONITOR_CHANGE_N,
} MonitorChange;

/*
 * What a signal of a lease says, of one device or (then `address` is "") of its guard or of a process.
 * Borrowed from the message.
 */
typedef struct MemberNews {
        const char *event; /* as an iso_event has it */
        const char *lease_path;
        const char *address;
        const char *driver;
        const char *state;
        const char *difference;
        const char *guard;
        const char *required_guard;
        bool in_owner_address_space;
        const char *cause;
        uint32_t number; /* what comes first where no device does: a process, or seconds */
        bool kill;
        const char *comm;
        const char *unit;
        const char *access;
        uint64_t fault_address;
        uint64_t count;
        bool same;
        bool taken;
} MemberNews;

/* Ends the monitor with that result; the first one counts. */
void monitor_end(Monitor *monitor, int result);

/* Each calls the handler, unless the monitor has ended; a nonzero answer ends it. */
void monitor_tell_ready(Monitor *monitor);
void monitor_tell_entry(Monitor *monitor, const MonitorEntry *entry, MonitorChange change);
void monitor_tell_member(Monitor *monitor, const MemberNews *news);

/* Puts `fresh` in the place of the table, and tells what differs. `fresh` is empty after it. */
void monitor_replace_table(Monitor *monitor, MonitorTable *fresh);
