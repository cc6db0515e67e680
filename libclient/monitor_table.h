/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a monitor stores of each object: enough to name it after it is gone, and to detect the
 * changes that happened while the daemon restarted.
 *
 * Each entry owns its texts, so that the memory of a long-running monitor does not grow.
 */

#include "libclient/object.h"

typedef enum EntryText {
        ENTRY_PATH,
        ENTRY_NAME,   /* address, group id, or "" for a lease */
        ENTRY_GROUP,  /* path of a device's group, or of a lease's first */
        ENTRY_LEASE,  /* path of a group's lease */
        ENTRY_DRIVER, /* of a device */
        ENTRY_STATE,
        ENTRY_GUARD, /* of a group or lease */
        _ENTRY_TEXT_N,
} EntryText;

typedef struct MonitorEntry {
        ObjectKind kind;
        uint32_t lease; /* number of a lease */
        char *texts[_ENTRY_TEXT_N];
} MonitorEntry;

typedef struct MonitorTable {
        MonitorEntry **entries;
        size_t n_entries;
} MonitorTable;

/* An entry for the object, or NULL if memory is short. */
MonitorEntry *monitor_entry_new(const Object *object);

/* Frees an entry (NULL is fine); returns NULL. */
MonitorEntry *monitor_entry_free(MonitorEntry *entry);
DEFINE_CLEANUP(MonitorEntry *, monitor_entry_free);

/* The stored part of the entry's object; the entry owns the texts. */
void monitor_entry_to_object(const MonitorEntry *entry, const char **group_paths,
                             Object *ret_object);

/* Is there a difference that a monitor reports? */
bool monitor_entry_equal(const MonitorEntry *a, const MonitorEntry *b);

void monitor_table_deinit(MonitorTable *table);

/* NULL if there is none. */
const MonitorEntry *monitor_table_find(const MonitorTable *table, const char *path);

/*
 * Adds the entry, or replaces the one with its path. Returns it, or NULL if memory is short (then
 * it is freed).
 */
const MonitorEntry *monitor_table_put(MonitorTable *table, MonitorEntry *entry);

/* Removes the entry with that path; the caller frees it. NULL if there is none. */
MonitorEntry *monitor_table_take(MonitorTable *table, const char *path);

/* Fills an empty table. Returns 0 or -ENOMEM. */
_nodiscard_ int monitor_table_fill(MonitorTable *table, const ObjectList *list);
