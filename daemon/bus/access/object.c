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

typedef void (*WriteDevice)(FILE *stream, bool *is_first, const Snapshot *snapshot, Bdf bdf);

static void write_each_device(FILE *stream, const Ledger *ledger, const MethodObject *object,
                              WriteDevice write)
{
        const World *world = ledger->world;
        const Snapshot *snapshot = world->snapshot;
        bool is_first = true;

        if (object->device != SNAPSHOT_NONE)
                return write(stream, &is_first, snapshot, snapshot->devices[object->device].bdf);
        for (size_t i = 0;
             object->group != SNAPSHOT_NONE && i < world->groups->groups[object->group].n_members;
             i++) {
                size_t member = world->groups->groups[object->group].members[i];

                write(stream, &is_first, snapshot, snapshot->devices[member].bdf);
        }
        if (object->group != SNAPSHOT_NONE || !object->lease)
                return;
        for (size_t i = 0; i < object->lease->record->n_devices; i++)
                write(stream, &is_first, snapshot, object->lease->record->devices[i].bdf);
}

static void write_address(FILE *stream, bool *is_first, const Snapshot *snapshot, Bdf bdf)
{
        char text[BDF_TEXT_SIZE];

        add_word(stream, is_first, bdf_format(bdf, text));
}

static void write_devices(FILE *stream, const Ledger *ledger, const MethodObject *object)
{
        write_each_device(stream, ledger, object, write_address);
}

/* Adds the inode: another device at the same address has another one. */
static void write_instance(FILE *stream, bool *is_first, const Snapshot *snapshot, Bdf bdf)
{
        size_t index = snapshot_find(snapshot, bdf);

        write_address(stream, is_first, snapshot, bdf);
        (void)fprintf(stream, "@%" PRIu64,
                      index == SNAPSHOT_NONE ? 0 : snapshot->devices[index].sysfs.inode);
}

/* Describes the object of a call; two objects never have the same text. Returns 0 or -ENOMEM. */
static int describe(const MethodCall *call, char **ret_text)
{
        const MethodObject object = method_object(call);
        const LeaseRecord *record = object.lease ? object.lease->record : NULL;
        _cleanup_(freep) char *text = NULL;
        size_t n = 0;
        FILE *stream = open_memstream(&text, &n);

        if (!stream)
                return -ENOMEM;
        if (record)
                (void)fprintf(stream, "lease %" PRIu32 " of %" PRIu32 ": ", record->id,
                              (uint32_t)record->owner.uid);
        write_groups(stream, call->bus->ledger, &object);
        (void)fputs(": ", stream);
        write_each_device(stream, call->bus->ledger, &object, write_instance);
        if (fclose(stream) != 0)
                return -ENOMEM;
        *ret_text = TAKE_PTR(text);
        return 0;
}

int method_note_object(MethodCall *call)
{
        char *about;

        int r = describe(call, &about);
        if (r < 0)
                return r;
        free(call->about);
        call->about = about;
        return 0;
}

bool method_check_object(const MethodCall *call)
{
        _cleanup_(freep) char *now = NULL;

        int r = describe(call, &now);
        if (r < 0)
                (void)sd_bus_reply_method_errno(call->message, r, NULL);
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

static int append_written(sd_bus_message *message, const char *key, const Ledger *ledger,
                          const MethodObject *object,
                          void (*write)(FILE *, const Ledger *, const MethodObject *))
{
        _cleanup_(freep) char *text = NULL;
        size_t n = 0;
        FILE *stream = open_memstream(&text, &n);

        if (!stream)
                return -ENOMEM;
        write(stream, ledger, object);
        if (fclose(stream) != 0)
                return -ENOMEM;
        return append(message, key, text);
}

int method_append_details(sd_bus_message *message, const MethodCall *call)
{
        const MethodObject object = method_object(call);
        const Ledger *ledger = call->bus->ledger;
        char lease[16] = "", owner[16] = "";

        if (object.lease) {
                (void)snprintf(lease, sizeof(lease), "%" PRIu32, object.lease->record->id);
                (void)snprintf(owner, sizeof(owner), "%" PRIu32,
                               (uint32_t)object.lease->record->owner.uid);
        }
        int r = sd_bus_message_open_container(message, 'a', "{ss}");
        if (r >= 0)
                r = append_written(message, "group", ledger, &object, write_groups);
        if (r >= 0)
                r = append_written(message, "device", ledger, &object, write_devices);
        if (r >= 0)
                r = append(message, "lease", lease);
        if (r >= 0)
                r = append(message, "owner", owner);
        if (r >= 0)
                r = append(message, "method", call->row->member);
        return r < 0 ? r : sd_bus_message_close_container(message);
}
