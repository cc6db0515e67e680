/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Entries and their table. Lookup is linear: a machine has some hundred objects and few events. */

#include "libclient/monitor_table.h"

#include <errno.h>
#include <string.h>

MonitorEntry *monitor_entry_free(MonitorEntry *entry)
{
        if (entry) {
                for (size_t i = 0; i < _ENTRY_TEXT_N; i++)
                        free(entry->texts[i]);
                free(entry);
        }
        return NULL;
}

/* The texts of an object, by their index in an entry; borrowed. */
static void object_texts(const Object *object, const char *texts[static _ENTRY_TEXT_N])
{
        for (size_t i = 0; i < _ENTRY_TEXT_N; i++)
                texts[i] = "";
        texts[ENTRY_PATH] = object->path;

        switch (object->kind) {
        case OBJECT_DEVICE:
                texts[ENTRY_NAME] = object->device.address;
                texts[ENTRY_GROUP] = object->group_path;
                texts[ENTRY_DRIVER] = object->device.driver;
                texts[ENTRY_STATE] = object->device.state;
                break;
        case OBJECT_GROUP:
                texts[ENTRY_NAME] = object->group.id;
                texts[ENTRY_LEASE] = object->lease_path;
                texts[ENTRY_STATE] = object->group.state;
                texts[ENTRY_GUARD] = object->group.guard;
                break;
        case OBJECT_LEASE:
                if (object->group_paths[0])
                        texts[ENTRY_GROUP] = object->group_paths[0];
                texts[ENTRY_STATE] = object->lease.state;
                texts[ENTRY_GUARD] = object->lease.guard;
                break;
        case OBJECT_OTHER:
        case _OBJECT_N:
                break;
        }
}

MonitorEntry *monitor_entry_new(const Object *object)
{
        _cleanup_(monitor_entry_freep) MonitorEntry *entry = NULL;
        const char *texts[_ENTRY_TEXT_N];

        entry = calloc(1, sizeof(*entry));
        if (!entry)
                return NULL;

        entry->kind = object->kind;
        entry->lease = object->kind == OBJECT_LEASE ? object->lease.id : 0;
        object_texts(object, texts);
        for (size_t i = 0; i < _ENTRY_TEXT_N; i++) {
                entry->texts[i] = strdup(texts[i]);
                if (!entry->texts[i])
                        return NULL;
        }
        return TAKE_PTR(entry);
}

void monitor_entry_to_object(const MonitorEntry *entry, const char **group_paths,
                             Object *ret_object)
{
        char *const *texts = entry->texts;

        object_init(ret_object, entry->kind, texts[ENTRY_PATH]);
        switch (entry->kind) {
        case OBJECT_DEVICE:
                ret_object->device.address = texts[ENTRY_NAME];
                ret_object->group_path = texts[ENTRY_GROUP];
                ret_object->device.driver = texts[ENTRY_DRIVER];
                ret_object->device.state = texts[ENTRY_STATE];
                break;
        case OBJECT_GROUP:
                ret_object->group.id = texts[ENTRY_NAME];
                ret_object->lease_path = texts[ENTRY_LEASE];
                ret_object->group.state = texts[ENTRY_STATE];
                ret_object->group.guard = texts[ENTRY_GUARD];
                break;
        case OBJECT_LEASE:
                ret_object->lease.id = entry->lease;
                group_paths[0] = *texts[ENTRY_GROUP] ? texts[ENTRY_GROUP] : NULL;
                group_paths[1] = NULL;
                ret_object->group_paths = group_paths;
                ret_object->lease.state = texts[ENTRY_STATE];
                ret_object->lease.guard = texts[ENTRY_GUARD];
                break;
        case OBJECT_OTHER:
        case _OBJECT_N:
                break;
        }
}

bool monitor_entry_equal(const MonitorEntry *a, const MonitorEntry *b)
{
        if (a->kind != b->kind || a->lease != b->lease)
                return false;
        for (size_t i = 0; i < _ENTRY_TEXT_N; i++)
                if (strcmp(a->texts[i], b->texts[i]) != 0)
                        return false;
        return true;
}

void monitor_table_deinit(MonitorTable *table)
{
        for (size_t i = 0; i < table->n_entries; i++)
                (void)monitor_entry_free(table->entries[i]);
        free(table->entries);
        *table = (MonitorTable){.entries = NULL};
}

static size_t find_index(const MonitorTable *table, const char *path)
{
        size_t i = 0;

        while (i < table->n_entries && strcmp(table->entries[i]->texts[ENTRY_PATH], path) != 0)
                i++;
        return i;
}

const MonitorEntry *monitor_table_find(const MonitorTable *table, const char *path)
{
        size_t i = find_index(table, path);

        return i < table->n_entries ? table->entries[i] : NULL;
}

const MonitorEntry *monitor_table_put(MonitorTable *table, MonitorEntry *entry)
{
        size_t i = find_index(table, entry->texts[ENTRY_PATH]);
        MonitorEntry **entries;

        if (i == table->n_entries) {
                entries = reallocarray(table->entries, i + 1, sizeof(*entries));
                if (!entries) {
                        (void)monitor_entry_free(entry);
                        return NULL;
                }
                table->entries = entries;
                table->n_entries++;
        } else {
                (void)monitor_entry_free(table->entries[i]);
        }
        table->entries[i] = entry;
        return entry;
}

MonitorEntry *monitor_table_take(MonitorTable *table, const char *path)
{
        size_t i = find_index(table, path);
        MonitorEntry *entry;

        if (i == table->n_entries)
                return NULL;
        entry = table->entries[i];
        table->entries[i] = table->entries[--table->n_entries];
        return entry;
}

int monitor_table_fill(MonitorTable *table, const ObjectList *list)
{
        for (size_t i = 0; i < list->n; i++) {
                MonitorEntry *entry;

                if (list->objects[i].kind == OBJECT_OTHER)
                        continue;
                entry = monitor_entry_new(&list->objects[i]);
                if (!entry || !monitor_table_put(table, entry))
                        return -ENOMEM;
        }
        return 0;
}
