/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Two sorted lists of (key, words), devices and groups; a merge walk finds added, removed, changed.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/model/text.h"
#include "daemon/facts/guard_facts.h"
#include "daemon/tell/publish.h"

typedef struct Entry {
        char *key;   /* address or group id */
        char *words; /* everything about it that can change, as text */
} Entry;

typedef struct EntryList {
        Entry *entries;
        size_t n_entries;
} EntryList;

/* The state that the observer knows. */
typedef struct Published {
        EntryList devices;
        EntryList groups;
} Published;

typedef struct Publisher {
        Published *published; /* NULL before the first call */
        bool is_paused;
} Publisher;

static void entry_list_clear(EntryList *list)
{
        for (size_t i = 0; i < list->n_entries; i++) {
                free(list->entries[i].key);
                free(list->entries[i].words);
        }
        free(list->entries);
        *list = (EntryList){.entries = NULL};
}

static Published *published_free(Published *published)
{
        if (!published)
                return NULL;
        entry_list_clear(&published->devices);
        entry_list_clear(&published->groups);
        free(published);
        return NULL;
}

DEFINE_CLEANUP(Published *, published_free);

static void clear(void *data)
{
        Publisher *own = data;

        published_free(own->published);
}

const Module publish_module = {
        .name = "publish",
        .size = sizeof(Publisher),
        .clear = clear,
};

void publish_pause(Ledger *ledger)
{
        Publisher *own = module_data(ledger, &publish_module);

        own->is_paused = true;
}

void publish_resume(Ledger *ledger)
{
        Publisher *own = module_data(ledger, &publish_module);

        own->is_paused = false;
}

static int entry_compare(const void *a, const void *b)
{
        return strcmp(((const Entry *)a)->key, ((const Entry *)b)->key);
}

static int describe_devices(const Ledger *ledger, EntryList *list)
{
        const World *world = ledger->world;
        size_t n = world->snapshot->n_devices;

        list->entries = calloc(n + 1, sizeof(*list->entries));
        if (!list->entries)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const PciDevice *device = &world->snapshot->devices[i];
                size_t group = world->groups->group_of[i];
                Entry *entry = &list->entries[list->n_entries++];
                char text[BDF_TEXT_SIZE];

                entry->key = strdup(bdf_format(device->bdf, text));
                entry->words = text_print(
                        "%s|%s|%s|%d", device->sysfs.driver, ledger_device_state(ledger, i),
                        group == SNAPSHOT_NONE ? "" : world->groups->groups[group].id,
                        device->kernel_group);
                if (!entry->key || !entry->words)
                        return -ENOMEM;
        }
        qsort(list->entries, list->n_entries, sizeof(*list->entries), entry_compare);
        return 0;
}

/*
 * Lists members by address, so that a group that lost one member and gained another counts as
 * changed.
 */
static int describe_members(const Snapshot *snapshot, const Group *group, char **ret_text)
{
        size_t size = group->n_members * BDF_TEXT_SIZE + 1, n = 0;
        char *text = malloc(size);
        if (!text)
                return -ENOMEM;

        text[0] = '\0';
        for (size_t i = 0; i < group->n_members; i++) {
                char address[BDF_TEXT_SIZE];

                (void)bdf_format(snapshot->devices[group->members[i]].bdf, address);
                n += (size_t)snprintf(text + n, size - n, "%s ", address);
        }
        *ret_text = text;
        return 0;
}

static int describe_groups(const Ledger *ledger, EntryList *list)
{
        const World *world = ledger->world;
        size_t n = world->groups->n_groups;

        list->entries = calloc(n + 1, sizeof(*list->entries));
        if (!list->entries)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                const Group *group = &world->groups->groups[i];
                const Lease *lease = ledger_lease_of_group(ledger, i);
                Entry *entry = &list->entries[list->n_entries++];
                _cleanup_(freep) char *members = NULL;

                entry->key = strdup(group->id);
                if (!entry->key || describe_members(world->snapshot, group, &members) < 0)
                        return -ENOMEM;
                entry->words = text_print("%s|%s|%s|%u|%s", ledger_group_state(ledger, i),
                                          guard_layer_to_string(ledger_group_guard(ledger, i)),
                                          snapshot_group_type(world->snapshot, group->kernel_group),
                                          lease ? lease->record->id : 0, members);
                if (!entry->words)
                        return -ENOMEM;
        }
        qsort(list->entries, list->n_entries, sizeof(*list->entries), entry_compare);
        return 0;
}

static void tell_difference(const EntryList *old, const EntryList *new,
                            void (*tell)(Change, const char *, void *), void *userdata)
{
        size_t o = 0, n = 0;

        while (o < old->n_entries || n < new->n_entries) {
                int order = o == old->n_entries   ? 1
                            : n == new->n_entries ? -1
                                                  : entry_compare(&old->entries[o],
                                                                  &new->entries[n]);
                if (order < 0)
                        tell(CHANGE_REMOVED, old->entries[o++].key, userdata);
                else if (order > 0)
                        tell(CHANGE_ADDED, new->entries[n++].key, userdata);
                else if (strcmp(old->entries[o++].words, new->entries[n++].words) != 0)
                        tell(CHANGE_CHANGED, new->entries[n - 1].key, userdata);
        }
}

int publish_changes(Ledger *ledger)
{
        _cleanup_(published_freep) Published *now = calloc(1, sizeof(*now));
        _cleanup_(published_freep) Published *before = NULL;
        Publisher *own = module_data(ledger, &publish_module);

        if (own->is_paused || !ledger->world)
                return 0;
        if (!now)
                return -ENOMEM;

        int r = describe_devices(ledger, &now->devices);
        if (r == 0)
                r = describe_groups(ledger, &now->groups);
        if (r < 0)
                return r;

        before = TAKE_PTR(own->published);
        own->published = TAKE_PTR(now);
        if (!before || !ledger->observer.device)
                return 0;
        tell_difference(&before->devices, &own->published->devices, ledger->observer.device,
                        ledger->observer.userdata);
        tell_difference(&before->groups, &own->published->groups, ledger->observer.group,
                        ledger->observer.userdata);
        return 0;
}
