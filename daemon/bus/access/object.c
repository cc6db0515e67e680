/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The object is looked up by its path. Its description as a text differs for each object: it has
 * the number and the owner of the lease, and the inode of each device in sysfs.
 */

#include "daemon/bus/access/object.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/model/text.h"
#include "daemon/bus/call/paths.h"
#include "daemon/bus/call/reply.h"
#include "daemon/machine/world.h"

MethodObject method_object(const MethodCall *call)
{
        const Ledger *ledger = call->bus->ledger;
        const char *path = sd_bus_message_get_path(call->message);
        MethodObject object = {.group = SNAPSHOT_NONE, .device = SNAPSHOT_NONE};

        object.lease = bus_find_lease(ledger, path);
        if (object.lease)
                return object;
        object.device = bus_find_device(ledger, path);
        object.group = object.device == SNAPSHOT_NONE
                               ? bus_find_group(ledger, path)
                               : ledger->world->groups->group_of[object.device];
        if (object.group != SNAPSHOT_NONE)
                object.lease = ledger_lease_of_group(ledger, object.group);
        return object;
}

static void add_word(FILE *stream, bool *is_first, const char *word)
{
        (void)fprintf(stream, "%s%s", *is_first ? "" : " ", word);
        *is_first = false;
}

static void write_groups(FILE *stream, const Ledger *ledger, const MethodObject *object)
{
        bool is_first = true;

        if (object->group != SNAPSHOT_NONE)
                return add_word(stream, &is_first,
                                ledger->world->groups->groups[object->group].id);
        for (size_t i = 0; object->lease && i < object->lease->record->n_groups; i++)
                add_word(stream, &is_first, object->lease->record->groups[i].id);
}

/* With its inode, as another device at the same address has another one. */
static void write_device(FILE *stream, bool *is_first, const Snapshot *snapshot, Bdf bdf,
                         bool with_inode)
{
        size_t index = with_inode ? snapshot_find(snapshot, bdf) : SNAPSHOT_NONE;
        char text[BDF_TEXT_SIZE];

        add_word(stream, is_first, bdf_format(bdf, text));
        if (with_inode)
                (void)fprintf(stream, "@%" PRIu64,
                              index == SNAPSHOT_NONE ? 0 : snapshot->devices[index].sysfs.inode);
}

static void write_devices(FILE *stream, const Ledger *ledger, const MethodObject *object,
                          bool with_inodes)
{
        const Snapshot *snapshot = ledger->world->snapshot;
        const Group *group = object->group == SNAPSHOT_NONE
                                     ? NULL
                                     : &ledger->world->groups->groups[object->group];
        const LeaseRecord *record = object->lease && !group ? object->lease->record : NULL;
        bool is_first = true;

        if (object->device != SNAPSHOT_NONE)
                return write_device(stream, &is_first, snapshot,
                                    snapshot->devices[object->device].bdf, with_inodes);
        for (size_t i = 0; group && i < group->n_members; i++)
                write_device(stream, &is_first, snapshot, snapshot->devices[group->members[i]].bdf,
                             with_inodes);
        for (size_t i = 0; record && i < record->n_devices; i++)
                write_device(stream, &is_first, snapshot, record->devices[i].bdf, with_inodes);
}

typedef enum Words {
        WORDS_GROUPS,
        WORDS_DEVICES,
        WORDS_INSTANCES, /* devices with their inodes */
} Words;

/* The groups or devices of an object, with a space between them; NULL if memory is short. */
static char *list_words(const Ledger *ledger, const MethodObject *object, Words what)
{
        char *text = NULL;
        size_t n = 0;
        FILE *stream = open_memstream(&text, &n);

        if (!stream)
                return NULL;
        if (what == WORDS_GROUPS)
                write_groups(stream, ledger, object);
        else
                write_devices(stream, ledger, object, what == WORDS_INSTANCES);
        if (fclose(stream) != 0)
                free(TAKE_PTR(text));
        return text;
}

/* Describes the object of a call; two objects never have the same text. NULL: memory is short. */
static char *describe(const MethodCall *call)
{
        const MethodObject object = method_object(call);
        const LeaseRecord *record = object.lease ? object.lease->record : NULL;
        _cleanup_(freep) char *groups = list_words(call->bus->ledger, &object, WORDS_GROUPS);
        _cleanup_(freep) char *devices = list_words(call->bus->ledger, &object, WORDS_INSTANCES);

        if (!groups || !devices)
                return NULL;
        return record ? text_print("lease %" PRIu32 " of %" PRIu32 ": %s: %s", record->id,
                                   (uint32_t)record->owner.uid, groups, devices)
                      : text_print("%s: %s", groups, devices);
}

int method_note_object(MethodCall *call)
{
        return text_set(&call->about, describe(call)) ? 0 : -ENOMEM;
}

bool method_check_object(const MethodCall *call)
{
        _cleanup_(freep) char *now = describe(call);

        if (!now)
                (void)method_fail(call, -ENOMEM);
        else if (strcmp(now, call->about) != 0)
                bus_reply_refusal(call->message, REFUSAL_CHANGED,
                                  "%s: its owner or its devices have changed while the call "
                                  "waited; retry",
                                  sd_bus_message_get_path(call->message));
        else
                return true;
        return false;
}

/* Appends a detail, unless `value` is empty. Returns 0 or -errno. */
static int append(sd_bus_message *message, const char *key, const char *value)
{
        return value[0] ? sd_bus_message_append(message, "{ss}", key, value) : 0;
}

int method_append_details(sd_bus_message *message, const MethodCall *call)
{
        const MethodObject object = method_object(call);
        const Ledger *ledger = call->bus->ledger;
        _cleanup_(freep) char *groups = list_words(ledger, &object, WORDS_GROUPS);
        _cleanup_(freep) char *devices = list_words(ledger, &object, WORDS_DEVICES);
        char lease[16] = "", owner[16] = "";

        if (!groups || !devices)
                return -ENOMEM;
        if (object.lease) {
                (void)snprintf(lease, sizeof(lease), "%" PRIu32, object.lease->record->id);
                (void)snprintf(owner, sizeof(owner), "%" PRIu32,
                               (uint32_t)object.lease->record->owner.uid);
        }
        int r = sd_bus_message_open_container(message, 'a', "{ss}");
        if (r >= 0)
                r = append(message, "group", groups);
        if (r >= 0)
                r = append(message, "device", devices);
        if (r >= 0)
                r = append(message, "lease", lease);
        if (r >= 0)
                r = append(message, "owner", owner);
        if (r >= 0)
                r = append(message, "method", call->row->member);
        return r < 0 ? r : sd_bus_message_close_container(message);
}
