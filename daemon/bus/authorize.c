/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Root may; the owner may where the table says so; for everybody else polkit is asked, and told what
 * about.
 */

#include "daemon/bus/authorize.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/world.h"

MethodObject method_object(const MethodCall *call)
{
        const Manager *manager = call->bus->manager;
        const char *path = sd_bus_message_get_path(call->message);
        MethodObject object = {.group = SNAPSHOT_NONE, .device = SNAPSHOT_NONE};

        object.lease = bus_find_lease(manager, path);
        if (object.lease)
                return object;
        object.device = bus_find_device(manager, path);
        object.group = object.device == SNAPSHOT_NONE
                               ? bus_find_group(manager, path)
                               : manager->world->groups->group_of[object.device];
        if (object.group != SNAPSHOT_NONE)
                object.lease = manager_lease_of_group(manager, object.group);
        return object;
}

uint32_t method_object_lease(const MethodObject *object)
{
        return object->lease ? object->lease->record->id : 0;
}

static void add_word(FILE *stream, bool *is_first, const char *word)
{
        (void)fprintf(stream, "%s%s", *is_first ? "" : " ", word);
        *is_first = false;
}

static void write_groups(FILE *stream, const Manager *manager, const MethodObject *object)
{
        bool is_first = true;

        if (object->group != SNAPSHOT_NONE)
                return add_word(stream, &is_first, manager->world->groups->groups[object->group].id);
        for (size_t i = 0; object->lease && i < object->lease->record->n_groups; i++)
                add_word(stream, &is_first, object->lease->record->groups[i].id);
}

static void write_devices(FILE *stream, const Manager *manager, const MethodObject *object)
{
        const World *world = manager->world;
        char text[BDF_TEXT_SIZE];
        bool is_first = true;

        if (object->device != SNAPSHOT_NONE) {
                add_word(stream, &is_first,
                         bdf_format(world->snapshot->devices[object->device].bdf, text));
                return;
        }
        for (size_t i = 0; object->group != SNAPSHOT_NONE &&
                           i < world->groups->groups[object->group].n_members;
             i++) {
                size_t member = world->groups->groups[object->group].members[i];

                add_word(stream, &is_first, bdf_format(world->snapshot->devices[member].bdf, text));
        }
        if (object->group != SNAPSHOT_NONE || !object->lease)
                return;
        for (size_t i = 0; i < object->lease->record->n_devices; i++)
                add_word(stream, &is_first,
                         bdf_format(object->lease->record->devices[i].bdf, text));
}

/* One of the details, unless there is nothing to tell. Returns 0 or -errno. */
static int append(sd_bus_message *message, const char *key, const char *value)
{
        return value[0] ? sd_bus_message_append(message, "{ss}", key, value) : 0;
}

static int append_written(sd_bus_message *message, const char *key, const Manager *manager,
                          const MethodObject *object,
                          void (*write)(FILE *, const Manager *, const MethodObject *))
{
        _cleanup_(freep) char *text = NULL;
        size_t n = 0;
        FILE *stream = open_memstream(&text, &n);

        if (!stream)
                return -ENOMEM;
        write(stream, manager, object);
        if (fclose(stream) != 0)
                return -ENOMEM;
        return append(message, key, text);
}

int method_append_details(sd_bus_message *message, const MethodCall *call)
{
        const MethodObject object = method_object(call);
        const Manager *manager = call->bus->manager;
        char lease[16] = "", owner[16] = "";

        if (object.lease) {
                (void)snprintf(lease, sizeof(lease), "%" PRIu32, object.lease->record->id);
                (void)snprintf(owner, sizeof(owner), "%" PRIu32,
                               (uint32_t)object.lease->record->uid);
        }
        int r = sd_bus_message_open_container(message, 'a', "{ss}");
        if (r >= 0)
                r = append_written(message, "group", manager, &object, write_groups);
        if (r >= 0)
                r = append_written(message, "device", manager, &object, write_devices);
        if (r >= 0)
                r = append(message, "lease", lease);
        if (r >= 0)
                r = append(message, "owner", owner);
        if (r >= 0)
                r = append(message, "method", call->row->member);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

void method_authorize(MethodCall *call, void (*run)(MethodCall *call))
{
        const MethodObject object = method_object(call);
        bool is_owner = call->row->access == METHOD_OWNER && object.lease &&
                        object.lease->record->uid == call->caller.uid;
        /* Polkit need not be asked about a lease that has ended; `run` says that it has. */
        bool is_gone = !object.lease && strcmp(call->row->interface, BUS_IFACE_LEASE) == 0;

        if (call->caller.uid == 0 || is_owner || is_gone)
                run(call);
        else
                polkit_check(call, run);
}
