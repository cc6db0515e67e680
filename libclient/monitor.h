/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A running iso_monitor(): the last known objects of the daemon, and the handler.
 *
 * monitor.c follows the daemon over the bus; monitor_tell.c turns changes into events.
 */

#include "libclient/host.h"
#include "libclient/monitor_table.h"

typedef struct Monitor {
        iso_host *host;
        iso_event_handler handler;
        void *userdata;
        MonitorTable table;
        char *owner;       /* unique bus name of the daemon of `table`; NULL while there is none */
        sd_bus_slot *call; /* the GetManagedObjects under way, or NULL */
        bool is_synced;    /* `table` is the daemon's state: changes apply to it */
        bool is_ready;     /* "ready" has been reported */
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
 * A signal of a lease, about one device or (then `address` is "") about its guard or a process.
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
        uint32_t number; /* the first argument if it is not a device: a process, or seconds */
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

/* Each calls the handler, unless the monitor has ended; a nonzero return ends the monitor. */
void monitor_tell_ready(Monitor *monitor);
void monitor_tell_entry(Monitor *monitor, const MonitorEntry *entry, MonitorChange change);
void monitor_tell_member(Monitor *monitor, const MemberNews *news);

/* Replaces the table with `fresh` and reports the differences; leaves `fresh` empty. */
void monitor_replace_table(Monitor *monitor, MonitorTable *fresh);
